
-- The operations on a seat map. They implement the same rules as crates/core/src/locks/board.rs and board_load.rs. KEYS
-- are the hash of the seat map, the sorted set `due` and the stream of releases. The first of ARGV is the deadline of
-- the call: a call that Redis runs later, because it was delayed on the network, changes nothing and replies LATE. A
-- reply begins with the current time and one of these codes:

local LATE, HELD, PAYING, TOO_MANY, TAKEN, NOT_LOADED = 0, 1, 2, 3, 4, 5
local NOTHING_HELD, DONE, LOADED, MOVED, MAP = 6, 7, 8, 9, 10

local function reply_hold(board, holder)
  local paying = live_payment(board, holder)
  local reply = { board.now, HELD, head(board).seq, paying and paying.payment or '' }
  for _, seat in ipairs(held_by(board, holder)) do
    reply[#reply + 1] = seat
    reply[#reply + 1] = lock_on(board, seat).ends
  end
  return reply
end

local function reply_paying(board, lock)
  return { board.now, PAYING, lock.payment, lock.since, lock.ends, lock.kept_from or '' }
end

local function reply_not_loaded(board)
  return { board.now, NOT_LOADED, head(board).seq }
end

local function reply_done(board)
  return { board.now, DONE }
end

-- Appends a range of the arguments to a list.
local function append_from(list, args, first, last)
  for index = first, last or #args do
    list[#list + 1] = args[index]
  end
  return list
end

-- ARGV: deadline, holder, lifetime in ms, limit of seats per person, number of wanted seats, the wanted seats, those of
-- them that the layout never sells.
local function lock_on_board(board, args, last)
  local holder, ttl, seats_max = args[2], tonumber(args[3]), tonumber(args[4])
  if not is_loaded(board) then
    return reply_not_loaded(board)
  end
  local paying = live_payment(board, holder)
  if paying then
    return reply_paying(board, paying)
  end
  local not_for_sale = {}
  for index = last + 1, #args do
    not_for_sale[args[index]] = true
  end
  local seen, new, taken = {}, {}, {}
  for index = 6, last do
    local seat = args[index]
    if not seen[seat] then
      seen[seat] = true
      local live = live_lock(board, seat)
      if not live or live.holder ~= holder then
        new[#new + 1] = seat
      end
      if not_for_sale[seat] or is_off_sale(board, seat) or (live and live.holder ~= holder) then
        taken[#taken + 1] = seat
      end
    end
  end
  if #new > 0 and #held_by(board, holder) + #new > seats_max then
    return { board.now, TOO_MANY }
  end
  if #taken > 0 then
    return append_from({ board.now, TAKEN }, taken, 1)
  end
  for _, seat in ipairs(new) do
    free(board, seat)
  end
  local clash = take_keys(board.key, new, holder, args[3])
  if clash then
    return { board.now, TAKEN, clash }
  end
  for _, seat in ipairs(new) do
    set_lock(board, seat, holder, board.now + ttl, false, true)
  end
  finish(board)
  return reply_hold(board, holder)
end

-- A fast path for the most frequent case: one seat for a person who holds none. It does not build the `board` table,
-- which would take longer than the commands. Returns nil in every other case.
local function lock_one_seat(keys, args, now, hold_name, values)
  local text, held, paying, state = unpack(values, 1, 4)
  local loaded_in, seq, taken = split_head(text)
  if args[5] ~= '1' or #args ~= 6 or loaded_in ~= life() or held or paying or tonumber(args[4]) < 1 then
    return nil
  end
  local key, holder, ttl, seat = keys[1], args[2], args[3], args[6]
  if state then
    local is_taken = state == OFF_SALE or tonumber(state:sub(ID_LENGTH + 2)) > now
    return is_taken and { now, TAKEN, seat } or nil
  end
  if not redis.call('SET', seat_key(key, seat), holder, 'NX', 'PX', ttl) then
    return { now, TAKEN, seat }
  end
  local ends = now + ttl
  local new_seq = math.max(seq + 1, now)
  local ends_text, seq_text = text_of(ends), text_of(new_seq)
  local new_head, lock = join_head(loaded_in, seq_text, taken + 1), lock_text(holder, false, ends_text)
  redis.call('HSET', key, '#', new_head, hold_name, seat, seat, lock)
  redis.call('ZADD', keys[2], ends_text, key:sub(PREFIX_LENGTH + 1) .. '/' .. seat)
  local numbers, seat_text = text_of(seq) .. ' ' .. seq_text .. ' ', seat .. ' ' .. ends_text
  local message = MESSAGE_VERSION .. ' seats ' .. numbers .. seat_text .. ' @' .. holder .. ' - ' .. seat_text
  local receivers = redis.call('SPUBLISH', key .. CHANNEL_SUFFIX, message)
  if has_old_watchers(key, receivers) then
    redis.call('SPUBLISH', key, OLD_MESSAGE_VERSION .. ' ' .. numbers .. seat_text)
  end
  return { now, HELD, new_seq, '', seat, ends }
end

local function lock(keys, args)
  local now = clock()
  if now > tonumber(args[1]) then
    return { now, LATE }
  end
  local last, hold_name, payment_name = 5 + args[5], '@' .. args[2], '$' .. args[2]
  local values = redis.call('HMGET', keys[1], '#', hold_name, payment_name, unpack(args, 6, last))
  local reply = lock_one_seat(keys, args, now, hold_name, values)
  if reply then
    return reply
  end
  local board = new_board(keys[1], keys[2], keys[3], now)
  for index, name in ipairs({ '#', hold_name, payment_name, unpack(args, 6, last) }) do
    board.fields[name] = values[index]
  end
  return lock_on_board(board, args, last)
end

-- Releases locks of a person. ARGV: deadline, holder, 'all' or 'these', the seats.
local function let_go(board, args)
  local holder = args[2]
  read(board, { '#', '@' .. holder, '$' .. holder })
  local paying = live_payment(board, holder)
  if paying then
    return reply_paying(board, paying)
  end
  local is_all, is_named = args[3] == 'all', {}
  for index = 4, #args do
    is_named[args[index]] = true
  end
  for _, seat in ipairs(held_by(board, holder)) do
    if is_all or is_named[seat] then
      put_seat(board, seat, false)
      change(board, seat, 'A')
      release(board, holder, seat, 'user_unlocked')
    end
  end
  finish(board)
  return reply_hold(board, holder)
end

-- ARGV: deadline, holder, payment, lifetime in ms.
local function start_payment(board, args)
  local holder, payment, ends = args[2], args[3], board.now + tonumber(args[4])
  read(board, { '#', '@' .. holder, '$' .. holder })
  if not is_loaded(board) then
    return reply_not_loaded(board)
  end
  local held, standing = held_by(board, holder), live_payment(board, holder)
  if standing and standing.payment ~= payment then
    return reply_paying(board, standing)
  end
  if #held == 0 then
    return { board.now, NOTHING_HELD }
  end
  if standing then
    return reply_hold(board, holder)
  end
  local first_end = math.huge
  for _, seat in ipairs(held) do
    if not lock_on(board, seat).is_restarted then
      set_lock(board, seat, holder, ends, true)
    end
    first_end = math.min(first_end, lock_on(board, seat).ends)
  end
  put_payment(board, holder, { payment = payment, since = board.now, ends = first_end })
  finish(board, true)
  return reply_hold(board, holder)
end

-- Whether the lock on a seat needs no extension: the seat is sold or withdrawn, another person has a valid lock on it,
-- or the holder's own lock does not expire before `half`.
local function is_kept_until(board, seat, holder, half)
  if is_off_sale(board, seat) then
    return true
  end
  local lock = lock_on(board, seat)
  if not lock then
    return false
  end
  if lock.holder == holder then
    return lock.ends >= half
  end
  return lock.ends > board.now
end

-- Extends the locks of a payment that is still being confirmed. ARGV: deadline, holder, payment, lifetime in ms, the
-- seats.
local function keep_payment(board, args)
  local holder, payment, ends = args[2], args[3], board.now + tonumber(args[4])
  local seats = append_from({}, args, 5)
  read(board, append_from({ '#', '@' .. holder, '$' .. holder }, seats, 1))
  local standing = live_payment(board, holder)
  if standing and standing.payment ~= payment then
    return reply_done(board)
  end
  local half, all_kept, own_time = board.now + math.floor((ends - board.now) / 2), true, nil
  for _, seat in ipairs(seats) do
    local lock = live_lock(board, seat)
    if lock and lock.holder == holder then
      own_time = math.min(own_time or lock.ends, lock.ends)
    end
    all_kept = all_kept and is_kept_until(board, seat, holder, half)
  end
  if standing and standing.ends >= half and all_kept then
    return reply_done(board)
  end
  local holds_one = false
  for _, seat in ipairs(seats) do
    local lock = lock_on(board, seat)
    local is_mine = not lock or lock.holder == holder or lock.ends <= board.now
    if not is_off_sale(board, seat) and is_mine and (not lock or lock.ends < ends) then
      if not live_lock(board, seat) then
        free(board, seat)
      end
      set_lock(board, seat, holder, ends, true)
    end
  end
  for _, seat in ipairs(seats) do
    local lock = live_lock(board, seat)
    holds_one = holds_one or (lock and lock.holder == holder)
  end
  if holds_one then
    -- `kept_from` is the expiry to which the locks return when the payment ends. For locks that had expired already it
    -- is the current time, so that they are released as soon as the payment ends.
    local since, kept_from = board.now, own_time or board.now
    if standing then
      since, kept_from = standing.since, standing.kept_from or standing.ends
      ends = math.max(standing.ends, ends)
    end
    put_payment(board, holder, { payment = payment, since = since, ends = ends, kept_from = kept_from })
  end
  finish(board, true)
  return reply_done(board)
end

-- ARGV: deadline, holder, payment.
local function end_payment(board, args)
  local holder, payment = args[2], args[3]
  read(board, { '#', '@' .. holder, '$' .. holder })
  local ended = payment_of(board, holder)
  if not ended or ended.payment ~= payment then
    return reply_done(board)
  end
  put_payment(board, holder, nil)
  local ends = ended.kept_from
  if ends then
    for _, seat in ipairs(held_by(board, holder)) do
      local lock = lock_on(board, seat)
      -- An extended lock expires no later than the payment lock. A lock that expires later was not extended by this
      -- payment and retains its expiry.
      if lock.ends > ends and lock.ends <= ended.ends then
        if ends <= board.now then
          free(board, seat)
        else
          set_lock(board, seat, holder, ends, lock.is_restarted)
        end
      end
    end
  end
  finish(board)
  return reply_done(board)
end

-- ARGV: deadline, payment, the seats.
local function mark_sold(board, args)
  local payment, seats = args[2], append_from({}, args, 3)
  read(board, append_from({ '#', '=' .. payment }, seats, 1))
  for _, seat in ipairs(seats) do
    sell(board, seat)
  end
  for _, holder in ipairs(words_of(get(board, '=' .. payment))) do
    put_payment(board, holder, nil)
  end
  finish(board, true)
  return reply_done(board)
end

-- Increments the sequence of a map that is not loaded: a server may have read the store before this call, and its load
-- of that outdated state must be refused.
local function invalidate_loads(board)
  if not is_loaded(board) then
    board.seq = next_seq(board)
  end
end

-- ARGV: deadline, the seats.
local function mark_freed(board, args)
  local seats = append_from({}, args, 2)
  read(board, append_from({ '#' }, seats, 1))
  invalidate_loads(board)
  for _, seat in ipairs(seats) do
    if is_sold(board, seat) then
      put_on_sale(board, seat)
    end
  end
  finish(board, true)
  return reply_done(board)
end

-- ARGV: deadline, the seats.
local function withdraw(board, args)
  local seats, is_named, taken = append_from({}, args, 2), {}, {}
  read(board, append_from({ '#', WITHDRAWN }, seats, 1))
  if not is_loaded(board) then
    return reply_not_loaded(board)
  end
  for _, seat in ipairs(seats) do
    if not is_named[seat] and (live_lock(board, seat) or is_sold(board, seat)) then
      taken[#taken + 1] = seat
    end
    is_named[seat] = true
  end
  if #taken > 0 then
    return append_from({ board.now, TAKEN }, taken, 1)
  end
  for _, seat in ipairs(seats) do
    withdraw_seat(board, seat)
  end
  finish(board, true)
  return reply_done(board)
end

-- ARGV: deadline, the seats.
local function restore_to_sale(board, args)
  local seats = append_from({}, args, 2)
  read(board, append_from({ '#', WITHDRAWN }, seats, 1))
  invalidate_loads(board)
  for _, seat in ipairs(seats) do
    if is_withdrawn(board, seat) then
      put_on_sale(board, seat)
    end
  end
  finish(board, true)
  return reply_done(board)
end

-- Turns a claim of the ledger into a lock and a payment lock. They replace a valid lock of another person, because the
-- store is authoritative.
local function set_claim(board, claim)
  if is_off_sale(board, claim.seat) then
    return
  end
  local standing, ends = live_lock(board, claim.seat), claim.ends
  if standing and standing.holder == claim.holder then
    ends = math.max(standing.ends, ends)
  end
  local is_so = standing and standing.holder == claim.holder and standing.ends == ends and standing.is_restarted
  if not is_so then
    if not standing then
      free(board, claim.seat)
    end
    set_lock(board, claim.seat, claim.holder, ends, true)
  end
  local paying = live_payment(board, claim.holder)
  local lock = { payment = claim.payment, since = board.now, ends = claim.ends, kept_from = claim.kept_from }
  if paying and paying.payment == claim.payment then
    lock.since, lock.ends = paying.since, math.max(paying.ends, claim.ends)
    lock.kept_from = paying.kept_from or claim.kept_from
  end
  put_payment(board, claim.holder, lock)
end

local function set_of(args, first, last)
  local set = {}
  for index = first, last do
    set[args[index]] = true
  end
  return set
end

-- Sets sold, withdrawn and claimed seats as in the ledger. ARGV: deadline, the map's sequence before the ledger was
-- read, the number of sold seats, the number of withdrawn seats, the sold seats (sorted), the withdrawn seats, then
-- five arguments for each claim: seat, holder, payment, expiry, and the expiry before the lock was extended (or empty).
local function load_truth(board, args)
  local last_sold = 4 + tonumber(args[3])
  local last = last_sold + tonumber(args[4])
  read_all(board)
  if head(board).seq ~= tonumber(args[2]) then
    return { board.now, MOVED, board.seq }
  end
  if not is_loaded(board) then
    -- This sequence is not published: a viewer of the map before its loss notices the gap and requests a new snapshot.
    board.seq = next_seq(board)
    board.loaded_in = life()
    put(board, '~', TABLE_MARK)
  end
  local stays_sold, stays_withdrawn = set_of(args, 5, last_sold), set_of(args, last_sold + 1, last)
  local gone = {}
  for name, value in pairs(board.fields) do
    local stays = is_withdrawn(board, name) and stays_withdrawn or stays_sold
    if value == OFF_SALE and not stays[name] then
      gone[#gone + 1] = name
    end
  end
  table.sort(gone, is_before)
  for _, seat in ipairs(gone) do
    put_on_sale(board, seat)
  end
  for index = 5, last_sold do
    sell(board, args[index])
  end
  for index = last_sold + 1, last do
    if not stays_sold[args[index]] then
      withdraw_seat(board, args[index])
    end
  end
  for index = last + 1, #args, 5 do
    local claim = {
      seat = args[index], holder = args[index + 1], payment = args[index + 2],
      ends = tonumber(args[index + 3]), kept_from = tonumber(args[index + 4]),
    }
    if claim.ends > board.now then
      set_claim(board, claim)
    end
  end
  finish(board, true)
  return { board.now, LOADED }
end
