-- Whose turn it is: of the engines of a group one is in memory at a time, and a request wakes the one that it asks.
--
-- A request waits here until its engine is the one of its group, and until that answers. Another engine takes its place when
-- a request waits for it, the one before has been there for its least time, and its open answers have ended; none is cut. Who
-- waits too long is refused, and after that the others go on. systemd starts and stops the engines (the units of
-- ai-backend-*-wake@): this only decides who may ask.
local POLL_MILLISECONDS = 20
-- An engine that does not answer a look within this time is not ready.
local LOOK_SECONDS = 2
-- Who does not look again within this time is gone: HAProxy ends the wait of a client that left, without a word to Lua.
local GONE_SECONDS = LOOK_SECONDS + 1
-- A request that went on is counted by HAProxy itself a moment later.
local HANDED_SECONDS = 0.3
-- An engine that does not come up is given up after this time: it started, and ended again.
local BROKEN_SECONDS = 10

local groups = {}

local function seconds()
  local now = core.now()
  return now.sec + now.usec / 1000000
end

-- `refused`: nobody accepts; `loading`: it answers that it is not ready; `up`.
local function state(place, health)
  local socket = core.tcp()
  socket:settimeout(LOOK_SECONDS)
  if not socket:connect(place) then
    return "refused"
  end
  socket:send("GET " .. health .. " HTTP/1.0\r\n\r\n")
  local line = socket:receive("*l")
  socket:close()
  return line and (line:find(" 200") and "up" or "loading") or "refused"
end

-- Requests that an engine has now: those that wake it, those that just went on, and those that HAProxy counts.
local function open(group, member)
  local now, count = seconds(), 0
  for _, ticket in ipairs(group.tickets) do
    if ticket.member == member and ticket.taken then
      count = count + 1
    end
  end
  for _, moment in ipairs(group.handed[member] or {}) do
    count = count + (now - moment < HANDED_SECONDS and 1 or 0)
  end
  local server = core.backends[member].servers["local"]
  return count + tonumber(server:get_stats()["scur"] or 0)
end

-- Out of rotation, because it is restarted: requests wait for that too.
local function out(member)
  local status = core.backends[member].servers["local"]:get_stats()["status"] or ""
  return status:find("^DRAIN") or status:find("^MAINT")
end

local function forget(group, gone)
  local now, kept = seconds(), {}
  for _, ticket in ipairs(group.tickets) do
    if ticket ~= gone and now - ticket.seen < GONE_SECONDS then
      kept[#kept + 1] = ticket
    end
  end
  group.tickets = kept
end

-- The first that waits for another engine than the one that is there; one that may not wait goes first.
local function next_of(group)
  local first
  for _, ticket in ipairs(group.tickets) do
    if ticket.member ~= group.current and (not first or (ticket.urgent and not first.urgent)) then
      first = ticket
    end
  end
  return first
end

local function choose(group)
  local waiting = next_of(group)
  if not waiting then
    group.leaving = nil
  elseif not group.leaving then
    -- One that never came up, and that nobody wakes, has not to stay.
    local stayed = group.since and seconds() - group.since >= (group.least[group.current] or 0)
    if not group.since then
      stayed = open(group, group.current) == 0
    end
    if waiting.urgent or stayed then
      group.leaving = true
    end
  end
  if group.leaving and open(group, group.current) == 0 then
    group.current, group.since, group.leaving = waiting.member, nil, nil
    -- At once, not when it looks itself: who looks before it would find an engine that nobody wakes, and take the turn back.
    waiting.taken = true
  end
end

local function may_go(group, ticket)
  ticket.seen = seconds()
  forget(group)
  choose(group)
  return ticket.member == group.current and (not group.leaving or ticket.taken)
end

-- After a start of the edge nobody is known: the one that answers is there.
local function begin(name, peers)
  local group = { tickets = {}, handed = {}, least = {}, peers = {} }
  for member, place in peers:gmatch("([^=,]+)=([^,]+)") do
    group.peers[member] = place
  end
  for member, place in pairs(group.peers) do
    local socket = core.tcp()
    socket:settimeout(1)
    if not groups[name] and socket:connect(place) then
      group.current, group.since = member, seconds()
    end
    socket:close()
  end
  -- Another request may have done it first.
  groups[name] = groups[name] or group
end

-- Connect to where systemd listens for it; the connection stays open, so that systemd starts it and it stays.
local function knock(wake, health)
  local socket = core.tcp()
  -- Set once: of a connection that was closed by the other side this would be an error.
  socket:settimeout(0.1)
  if socket:connect(wake) then
    socket:send("GET " .. health .. " HTTP/1.0\r\n\r\n")
    return socket
  end
end

local function wait_until_up(group, ticket, wake, health, most)
  local own, knocked, refused = group.peers[ticket.member], nil, nil
  while may_go(group, ticket) do
    local found = state(own, health)
    local now = seconds()
    if found == "up" then
      group.since = group.since or now
      return true
    end
    if now - ticket.began > most then
      return false
    end
    if found == "loading" then
      refused = nil
    else
      if not knocked then
        knocked = knock(wake, health)
      else
        local _, problem = knocked:receive("*l")
        if problem ~= "timeout" then
          knocked:close()
          knocked = nil
          refused = refused or now
        end
      end
      if refused and now - refused > BROKEN_SECONDS then
        return false
      end
    end
    core.msleep(POLL_MILLISECONDS)
  end
  return false
end

local function take_turn(txn, name, member, peers, wake, health, least, most)
  if not groups[name] then
    begin(name, peers)
  end
  local group, began = groups[name], seconds()
  group.least[member] = tonumber(least)
  group.current = group.current or member
  local urgent = (txn.f:req_fhdr("x-ai-backend-turn") or "") ~= ""
  local ticket = { member = member, began = began, seen = began, urgent = urgent }
  group.tickets[#group.tickets + 1] = ticket
  most = tonumber(most)
  -- A proof wakes one that is out of rotation: it comes back when it is proven.
  ticket.taken = may_go(group, ticket) and (urgent or not out(member))
  while not ticket.taken and seconds() - began < most do
    core.msleep(POLL_MILLISECONDS)
    ticket.taken = may_go(group, ticket) and (urgent or not out(member))
  end
  local up = ticket.taken and wait_until_up(group, ticket, wake, health, most)
  forget(group, ticket)
  if up then
    local recent = {}
    for _, moment in ipairs(group.handed[member] or {}) do
      if seconds() - moment < HANDED_SECONDS then
        recent[#recent + 1] = moment
      end
    end
    recent[#recent + 1] = seconds()
    group.handed[member] = recent
  end
  txn:set_var("txn.absent", not up)
end

core.register_action("take_turn", { "http-req" }, take_turn, 7)

-- Whether an engine is awake, for a look that must not wake it.
core.register_action("look", { "http-req" }, function(txn, place)
  local socket = core.tcp()
  socket:settimeout(LOOK_SECONDS)
  txn:set_var("txn.awake", socket:connect(place) ~= nil)
  socket:close()
end, 1)
