-- Lets a request wait for an engine without an alternative. llama-server accepts connections as soon as it starts, and
-- answers 503 until it has loaded its model. HAProxy would try again at once and then give up.
local PAUSE_MILLISECONDS = 250
-- The wait for an engine that does not listen is shorter, and after it the request is refused.
local LONGEST_SECONDS = { absent = 10, loading = 120 }

local function state(place)
  local socket = core.tcp()
  socket:settimeout(2)
  if not socket:connect(place) then
    return "absent"
  end
  socket:send("GET /health HTTP/1.0\r\n\r\n")
  local line, problem = socket:receive("*l")
  socket:close()
  if not line then
    -- One that is at work may answer late; one that closes without an answer has just ended.
    return problem == "timeout" and "up" or "absent"
  end
  return line:find(" 503") and "loading" or "up"
end

-- Its state, and at which of the places. They are separated by commas: where its older release listens, and where the new
-- one will.
local function best(places)
  local found, number, place_number = "absent", 1, 0
  for place in places:gmatch("[^,]+") do
    place_number = place_number + 1
    local one = state(place)
    if one == "up" then
      return one, place_number
    end
    if one == "loading" then
      found, number = one, place_number
    end
  end
  return found, number
end

core.register_action("wait_for_engine", { "http-req" }, function(txn, places)
  local began = core.now().sec
  local found, number = best(places)
  while found ~= "up" and core.now().sec - began < LONGEST_SECONDS[found] do
    core.msleep(PAUSE_MILLISECONDS)
    found, number = best(places)
  end
  txn:set_var("txn.absent", found == "absent")
  txn:set_var("txn.place", number)
end, 1)
