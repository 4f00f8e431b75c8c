-- Counts a body on its way to a slot, whether the client told its length or not, and ends one that is too large or too slow.
--
-- HAProxy itself measures only what fits into its buffer. Two things about Lua filters are not in its manual, as of 2.6 and
-- 3.0: what `http_payload` returns is ignored, so only an error ends a request there (one line in the log); and
-- `filter.wake_time` may leave a stream that spins until HAProxy aborts, so a body that has stopped is looked at when
-- `option contstats` wakes its stream, every five seconds.
local BYTES_A_SECOND = 16384

local Body = { id = "body", flags = filter.FLT_CFG_FL_HTX }
Body.__index = Body

local function seconds()
  local now = core.now()
  return now.sec + now.usec / 1000000
end

function Body:new()
  local most, patience = tonumber(self.args[1]), tonumber(self.args[2])
  return setmetatable({ most = most, patience = patience, taken = 0, waited = 0 }, Body)
end

-- The answer is that of `http-error status 400` of the slot's section, which reads these.
local function refuse(txn, status, kind, message)
  txn:set_var("txn.refusal_status", status)
  txn:set_var("txn.refusal_type", kind)
  txn:set_var("txn.refusal", message)
end

function Body:http_headers(txn, message)
  -- A body that is here as a whole was measured by the rules.
  if not message:is_resp() and not message:eom() then
    filter.register_data_filter(self, message.channel)
  end
  return filter.CONTINUE
end

function Body:http_payload(txn, message)
  local length = message:input()
  self.taken = self.taken + length
  if self.taken > self.most then
    self:drop(txn, message)
  elseif length == 0 and message:output() == 0 then
    -- All that came was handed on: from here on the time is the client's.
    self.since = self.since or seconds()
  end
  if self.since then
    local waited = self.waited + seconds() - self.since
    if waited > self.patience + self.taken / BYTES_A_SECOND then
      refuse(txn, "408", "timeout_error", "the request body came too slowly")
      error("a request body came too slowly", 0)
    elseif length > 0 then
      self.waited, self.since = waited, nil
    end
  end
end

-- What is too much is thrown away: a client that still sends could not read an answer. One without end is cut.
function Body:drop(txn, message)
  refuse(txn, "413", "invalid_request_error", "the request body is larger than " .. self.most .. " bytes")
  if self.taken > 2 * self.most then
    error("a request body is larger than twice the limit", 0)
  end
  self.dropped = true
  message:remove()
end

function Body:http_end(txn, message)
  return self.dropped and filter.ERROR or filter.CONTINUE
end

core.register_filter("body", Body, function(body, args)
  body.args = args
  return body
end)
