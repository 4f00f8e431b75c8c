// Reads {name: LogQL expression} as JSON and prints {name: where the grammar of Grafana's own editor stops}.
import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-logql";

const found = {};
for (const [name, expression] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError && !(name in found)) {
        found[name] = `at ${node.from}: ${expression.slice(node.from, node.from + 30)}`;
      }
    },
  });
}
console.log(JSON.stringify(found));
