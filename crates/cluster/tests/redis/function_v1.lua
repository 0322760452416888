#!lua name=seatkeeper_v1

-- One screening's seats, as plain fields of one hash:
--
--   #                      in which life of this Redis the store's truth was loaded (see `life`), the sequence of the last
--                          change, how many seats are locked or sold
--   A1                     'S' sold; else a lock: holder (36 characters), 1 if restarted else 0, when it ends
--   @<holder>              the seats this person holds, in order, by blanks
--   $<holder>              this person's payment lock: payment, since, until, kept from (or -)
--   =<payment>             whose payment locks are of this payment, by blanks
--   ~                      see TABLE_MARK
--
-- Beside it, with the same hash tag and so on the same node: a key for each locked seat, set with NX and PX; a sorted set
-- of everything that ends by itself (`due`); a stream of releases not yet told. Keys of seats cannot be declared, because
-- only the hash knows which they are; they carry the tag of the keys that are.
--
-- A call reads what it needs, changes its own picture of the board, and writes everything at its end (`finish`). Only
-- keys of seats are written on the way. Times are milliseconds since 1970 by this Redis: 13 digits, which Lua keeps exactly.

local SOLD = 'S'
local ID_LENGTH = 36
local LIFE_LENGTH = 40
local SEQ_LENGTH = 13
local NO_LIFE = ('-'):rep(LIFE_LENGTH)
local PREFIX_LENGTH = #'seatkeeper1:{00}:'

-- A value of more than 64 bytes has Redis keep a hash as a table. As a list, which it would be below 512 fields, it is read
-- from its beginning for each field that is asked for.
local TABLE_MARK = ('-'):rep(65)
-- Old servers close the feed of a message with another number.
local MESSAGE_VERSION = '1'
-- The most releases of one tag that wait to be told; beyond it the oldest are dropped.
local RELEASES_WAITING_MAX = '10000'
-- A board that nobody sells on, pays on or loads for so long, in milliseconds, is dropped: the store knows the rest.
local BOARD_IDLE_MS = 7 * 24 * 3600 * 1000
-- The most words of one command: Lua's stack is finite.
local WORDS_MAX = 1000

-- The mark *loaded* names the process, so that what a restart or a promoted replica brings back from an older time is not
-- taken for the truth. Asked once in a process.
local run_id
local function life()
  run_id = run_id or redis.call('INFO', 'server'):match('run_id:(%w+)')
  return run_id
end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Left to itself, Lua writes numbers as fractions, which costs as much as a command.
local function text_of(number)
  return ('%d'):format(number)
end

local function new_board(key, due, releases, now)
  return {
    key = key, due = due, releases = releases, now = now,
    fields = {}, dirty = {}, locks = {}, ends = {}, order = {}, status = {}, told = {},
  }
end

local function call_with(command, key, words)
  for first = 1, #words, WORDS_MAX do
    redis.call(command, key, unpack(words, first, math.min(first + WORDS_MAX - 1, #words)))
  end
end

-- Reads these fields in one command. What the call has changed already is not read over.
local function read(board, names)
  for first = 1, #names, WORDS_MAX do
    local last = math.min(first + WORDS_MAX - 1, #names)
    local values = redis.call('HMGET', board.key, unpack(names, first, last))
    for index = first, last do
      if board.fields[names[index]] == nil then
        board.fields[names[index]] = values[index - first + 1]
      end
    end
  end
end

local function read_all(board)
  local all = redis.call('HGETALL', board.key)
  for index = 1, #all, 2 do
    board.fields[all[index]] = all[index + 1]
  end
  board.is_whole = true
end

local function get(board, name)
  local value = board.fields[name]
  if value == nil then
    value = not board.is_whole and redis.call('HGET', board.key, name)
    board.fields[name] = value
  end
  return value
end

-- `false` takes the field away.
local function put(board, name, value)
  board.fields[name] = value
  board.dirty[name] = true
end

local function split_head(text)
  if not text then
    return NO_LIFE, 0, 0
  end
  local seq_at = LIFE_LENGTH + 2
  local taken_at = seq_at + SEQ_LENGTH + 1
  return text:sub(1, LIFE_LENGTH), tonumber(text:sub(seq_at, taken_at - 2)), tonumber(text:sub(taken_at))
end

local function join_head(loaded_in, seq_text, taken)
  return loaded_in .. ' ' .. seq_text .. ' ' .. text_of(taken)
end

-- The board's `loaded_in`, `seq` and `taken`, which a call may change.
local function head(board)
  if not board.seq then
    board.loaded_in, board.seq, board.taken = split_head(get(board, '#'))
  end
  return board
end

local function next_seq(board)
  return math.max(head(board).seq + 1, board.now)
end

local function is_loaded(board)
  return head(board).loaded_in == life()
end

-- The lock on a seat, over or not; nil when it is free or sold.
local function lock_on(board, seat)
  local lock = board.locks[seat]
  if lock then
    return lock
  end
  local text = get(board, seat)
  if not text or text == SOLD then
    return nil
  end
  lock = {
    holder = text:sub(1, ID_LENGTH),
    is_restarted = text:byte(ID_LENGTH + 1) == 49,
    ends = tonumber(text:sub(ID_LENGTH + 2)),
  }
  board.locks[seat] = lock
  return lock
end

local function live_lock(board, seat)
  local lock = lock_on(board, seat)
  return lock and lock.ends > board.now and lock or nil
end

local function is_sold(board, seat)
  return get(board, seat) == SOLD
end

local function words_of(text)
  if not text then
    return {}
  end
  if not text:find(' ', 1, true) then
    return { text }
  end
  local words = {}
  for word in text:gmatch('%S+') do
    words[#words + 1] = word
  end
  return words
end

local function is_before(one, two)
  local one_row, one_number = one:match('^(%a+)(%d+)$')
  local two_row, two_number = two:match('^(%a+)(%d+)$')
  if one_row ~= two_row then
    return one_row < two_row
  end
  return tonumber(one_number) < tonumber(two_number)
end

-- Puts a word into a field of words, or takes it out.
local function put_word(board, name, word, is_in, comes_before)
  local text = get(board, name)
  if not text or text == word then
    put(board, name, is_in and word)
    return
  end
  local words = words_of(text)
  for index = #words, 1, -1 do
    if words[index] == word then
      table.remove(words, index)
    end
  end
  if is_in then
    words[#words + 1] = word
    if comes_before then
      table.sort(words, comes_before)
    end
  end
  put(board, name, #words > 0 and table.concat(words, ' '))
end

local function seat_key(key, seat)
  return key .. ':' .. seat
end

local function lock_text(holder, is_restarted, ends_text)
  return holder .. (is_restarted and '1' or '0') .. ends_text
end

-- Sets the keys of seats that the board says are free: all, or none and answers the seat whose key is there. Such a key is
-- from another life of this Redis, no board tells of it, and it ends by itself.
local function take_keys(key, seats, holder, ttl)
  for index, seat in ipairs(seats) do
    if not redis.call('SET', seat_key(key, seat), holder, 'NX', 'PX', ttl) then
      for earlier = 1, index - 1 do
        redis.call('DEL', seat_key(key, seats[earlier]))
      end
      return seat
    end
  end
end

-- The only way in which a call changes a seat: a lock, SOLD, or false for a free one. `has_key` says that the seat's own
-- key is set already.
local function put_seat(board, seat, state, has_key)
  local was, was_taken = lock_on(board, seat), get(board, seat) and 1 or 0
  local lock = state ~= SOLD and state or nil
  board.locks[seat] = lock
  if lock then
    put(board, seat, lock_text(lock.holder, lock.is_restarted, text_of(lock.ends)))
    board.ends['/' .. seat] = lock.ends
    if not has_key then
      redis.call('SET', seat_key(board.key, seat), lock.holder, 'PX', text_of(lock.ends - board.now))
    end
  else
    put(board, seat, state)
    if was then
      board.ends['/' .. seat] = false
      redis.call('DEL', seat_key(board.key, seat))
    end
  end
  head(board).taken = head(board).taken + (state and 1 or 0) - was_taken
  local old, new = was and was.holder, lock and lock.holder
  if old ~= new then
    if old then
      put_word(board, '@' .. old, seat, false)
    end
    if new then
      put_word(board, '@' .. new, seat, true, is_before)
    end
  end
end

-- A person's payment lock, over or not.
local function payment_of(board, holder)
  local text = get(board, '$' .. holder)
  if not text then
    return nil
  end
  local payment, since, ends, kept_from = text:match('^(%S+) (%-?%d+) (%-?%d+) (%S+)$')
  return { payment = payment, since = tonumber(since), ends = tonumber(ends), kept_from = tonumber(kept_from) }
end

local function live_payment(board, holder)
  local lock = payment_of(board, holder)
  return lock and lock.ends > board.now and lock or nil
end

-- The only way in which a call changes a payment lock; nil ends it.
local function put_payment(board, holder, lock)
  local was = payment_of(board, holder)
  local text = lock and table.concat({ lock.payment, text_of(lock.since), text_of(lock.ends), lock.kept_from and text_of(lock.kept_from) or '-' }, ' ')
  put(board, '$' .. holder, text or false)
  board.ends['$' .. holder] = lock and lock.ends or false
  local old, new = was and was.payment, lock and lock.payment
  if old ~= new then
    if old then
      put_word(board, '=' .. old, holder, false)
    end
    if new then
      put_word(board, '=' .. new, holder, true)
    end
  end
end

-- The seats that a person holds and whose time is not up, in order.
local function held_by(board, holder)
  local text = get(board, '@' .. holder)
  if not text then
    return {}
  end
  local all, unknown, held = words_of(text), {}, {}
  for _, seat in ipairs(all) do
    if board.fields[seat] == nil then
      unknown[#unknown + 1] = seat
    end
  end
  read(board, unknown)
  for _, seat in ipairs(all) do
    if live_lock(board, seat) then
      held[#held + 1] = seat
    end
  end
  return held
end

-- Viewers are told: 'A' available, 'B' booked, or when a lock ends.
local function change(board, seat, status)
  if board.status[seat] then
    for index, earlier in ipairs(board.order) do
      if earlier == seat then
        table.remove(board.order, index)
        break
      end
    end
  end
  board.order[#board.order + 1] = seat
  board.status[seat] = status
end

local function set_lock(board, seat, holder, ends, is_restarted, has_key)
  put_seat(board, seat, { holder = holder, ends = ends, is_restarted = is_restarted }, has_key)
  change(board, seat, text_of(ends))
end

-- The outbox is told: a lock has ended without a sale.
local function release(board, holder, seat, reason)
  for _, told in ipairs(board.told) do
    if told.holder == holder and told.reason == reason then
      told.seats[#told.seats + 1] = seat
      return
    end
  end
  board.told[#board.told + 1] = { holder = holder, reason = reason, seats = { seat } }
end

-- Ends a lock whose time is up.
local function free(board, seat)
  local lock = lock_on(board, seat)
  if lock then
    put_seat(board, seat, false)
    change(board, seat, 'A')
    release(board, lock.holder, seat, 'expired')
  end
end

-- Marks a seat sold. A live lock goes with the sale; one that had run out is released first.
local function sell(board, seat)
  if is_sold(board, seat) then
    return
  end
  if not live_lock(board, seat) then
    free(board, seat)
  end
  put_seat(board, seat, SOLD)
  change(board, seat, 'B')
end

local function write_fields(board)
  local set, gone = {}, {}
  for name in pairs(board.dirty) do
    local value = board.fields[name]
    if value then
      set[#set + 1] = name
      set[#set + 1] = value
    else
      gone[#gone + 1] = name
    end
  end
  call_with('HSET', board.key, set)
  call_with('HDEL', board.key, gone)
end

local function write_ends(board)
  local screening, set, gone = board.key:sub(PREFIX_LENGTH + 1), {}, {}
  for what, ends in pairs(board.ends) do
    if ends then
      set[#set + 1] = text_of(ends)
      set[#set + 1] = screening .. what
    else
      gone[#gone + 1] = screening .. what
    end
  end
  call_with('ZADD', board.due, set)
  call_with('ZREM', board.due, gone)
end

-- Numbers what the call changed, writes it down and tells it. `is_kept`: the board is in use and not idle.
local function finish(board, is_kept)
  local prev = head(board).seq
  if #board.order > 0 then
    board.seq = next_seq(board)
  end
  local seq_text = text_of(board.seq)
  local text = join_head(board.loaded_in, seq_text, board.taken)
  if board.seq > 0 and text ~= get(board, '#') then
    put(board, '#', text)
  end
  write_fields(board)
  write_ends(board)
  if is_kept then
    redis.call('PEXPIRE', board.key, BOARD_IDLE_MS)
  end
  local screening = board.key:sub(PREFIX_LENGTH + 1)
  for _, told in ipairs(board.told) do
    local seats = table.concat(told.seats, ' ')
    local words = { screening, seq_text, told.holder, told.reason, text_of(board.now), seats }
    redis.call('XADD', board.releases, 'MAXLEN', '~', RELEASES_WAITING_MAX, '*', 'v1', table.concat(words, ' '))
  end
  if #board.order > 0 then
    local words = { MESSAGE_VERSION, text_of(prev), seq_text }
    for _, seat in ipairs(board.order) do
      words[#words + 1] = seat
      words[#words + 1] = board.status[seat]
    end
    redis.call('SPUBLISH', board.key, table.concat(words, ' '))
  end
end

-- The calls: the rules of crates/core/src/locks/board.rs and board_load.rs, in the same order and with the same names.
-- KEYS are the board, what is due, and the releases. ARGV begins with the moment after which a call that may have been
-- stuck on its way must do nothing. A reply begins with the time and one of these:

local LATE, HELD, PAYING, TOO_MANY, TAKEN, NOT_LOADED = 0, 1, 2, 3, 4, 5
local NOTHING_HELD, DONE, LOADED, MOVED, MAP = 6, 7, 8, 9, 10

local function reply_hold(board, holder)
  local paying = live_payment(board, holder)
  local reply = { board.now, HELD, paying and paying.payment or '' }
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

-- Appends arguments to a list.
local function append_from(list, args, first, last)
  for index = first, last or #args do
    list[#list + 1] = args[index]
  end
  return list
end

-- ARGV: not after, holder, time in ms, most seats of a person, how many wanted, the wanted ones, those never for sale.
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
      if not_for_sale[seat] or is_sold(board, seat) or (live and live.holder ~= holder) then
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

-- The usual case, one seat for somebody who holds none, without the board's bookkeeping, which would cost more than the
-- commands do. Nil when it is another case.
local function lock_one_seat(keys, args, now, hold_name, values)
  local text, held, paying, state = unpack(values, 1, 4)
  local loaded_in, seq, taken = split_head(text)
  if args[5] ~= '1' or #args ~= 6 or loaded_in ~= life() or held or paying or tonumber(args[4]) < 1 then
    return nil
  end
  local key, holder, ttl, seat = keys[1], args[2], args[3], args[6]
  if state then
    local is_taken = state == SOLD or tonumber(state:sub(ID_LENGTH + 2)) > now
    return is_taken and { now, TAKEN, seat } or nil
  end
  if not redis.call('SET', seat_key(key, seat), holder, 'NX', 'PX', ttl) then
    return { now, TAKEN, seat }
  end
  local ends = now + ttl
  local ends_text, seq_text = text_of(ends), text_of(math.max(seq + 1, now))
  local new_head, lock = join_head(loaded_in, seq_text, taken + 1), lock_text(holder, false, ends_text)
  redis.call('HSET', key, '#', new_head, hold_name, seat, seat, lock)
  redis.call('ZADD', keys[2], ends_text, key:sub(PREFIX_LENGTH + 1) .. '/' .. seat)
  local prev_text = text_of(seq)
  redis.call('SPUBLISH', key, MESSAGE_VERSION .. ' ' .. prev_text .. ' ' .. seq_text .. ' ' .. seat .. ' ' .. ends_text)
  return { now, HELD, '', seat, ends }
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

-- ARGV: not after, holder, 'all' or 'these', the seats.
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

-- ARGV: not after, holder, payment, time in ms.
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

-- Whether a seat needs no keeping: not theirs to keep, or theirs until `half` at least.
local function is_kept_until(board, seat, holder, half)
  if is_sold(board, seat) then
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

-- ARGV: not after, holder, payment, time in ms, the seats.
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
    if not is_sold(board, seat) and is_mine and (not lock or lock.ends < ends) then
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
    -- They fall back to their own time when the payment ends; locks that had run out are given back at once.
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

-- ARGV: not after, holder, payment.
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
      -- What was kept ends no later than the payment lock; a seat that ends after it has that time of its own.
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

-- ARGV: not after, payment, the seats.
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

-- ARGV: not after, the seats.
local function mark_freed(board, args)
  local seats = append_from({}, args, 2)
  read(board, append_from({ '#' }, seats, 1))
  if not is_loaded(board) then
    -- Whoever is about to load may have read the store before this.
    board.seq = next_seq(board)
  end
  for _, seat in ipairs(seats) do
    if is_sold(board, seat) then
      put_seat(board, seat, false)
      change(board, seat, 'A')
    end
  end
  finish(board, true)
  return reply_done(board)
end

-- A claim is a lock with a payment lock. A live lock of another gives way to it: the store decides.
local function set_claim(board, claim)
  if is_sold(board, claim.seat) then
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

-- ARGV: not after, the sequence at which the store was read, how many sold, those in order, then of each claim: seat,
-- holder, payment, until, kept from.
local function load_truth(board, args)
  local last = 3 + tonumber(args[3])
  read_all(board)
  if head(board).seq ~= tonumber(args[2]) then
    return { board.now, MOVED, board.seq }
  end
  if not is_loaded(board) then
    -- A step that no message tells of: a viewer of an earlier life of this board sees a gap and starts over.
    board.seq = next_seq(board)
    board.loaded_in = life()
    put(board, '~', TABLE_MARK)
  end
  local is_sold_still, freed = {}, {}
  for index = 4, last do
    is_sold_still[args[index]] = true
  end
  for name, value in pairs(board.fields) do
    if value == SOLD and not is_sold_still[name] then
      freed[#freed + 1] = name
    end
  end
  table.sort(freed, is_before)
  for _, seat in ipairs(freed) do
    put_seat(board, seat, false)
    change(board, seat, 'A')
  end
  for index = 4, last do
    sell(board, args[index])
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

-- What runs out, what is looked at, and the table of functions.

-- Ends what is over on a board: these seats, in order, and the payment locks of these people.
local function end_over(board, seats, holders)
  table.sort(seats, is_before)
  for _, seat in ipairs(seats) do
    free(board, seat)
  end
  for _, holder in ipairs(holders) do
    put_payment(board, holder, nil)
  end
  finish(board, true)
end

local function sweep_board(board, seats, holders)
  local names = append_from({ '#' }, seats, 1)
  for _, holder in ipairs(holders) do
    names[#names + 1] = '$' .. holder
  end
  read(board, names)
  local seats_over, holders_over = {}, {}
  for _, seat in ipairs(seats) do
    local lock = lock_on(board, seat)
    board.ends['/' .. seat] = lock and lock.ends or false
    if lock and lock.ends <= board.now then
      seats_over[#seats_over + 1] = seat
    end
  end
  for _, holder in ipairs(holders) do
    local lock = payment_of(board, holder)
    board.ends['$' .. holder] = lock and lock.ends or false
    if lock and lock.ends <= board.now then
      holders_over[#holders_over + 1] = holder
    end
  end
  end_over(board, seats_over, holders_over)
end

-- KEYS: what is due of a tag, its releases. ARGV: how many at most. Replies how many there were.
local function sweep(keys, args)
  local now = clock()
  local due = redis.call('ZRANGE', keys[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[1])
  local prefix, boards, order = keys[1]:sub(1, PREFIX_LENGTH), {}, {}
  for _, member in ipairs(due) do
    local screening, kind, what = member:sub(1, ID_LENGTH), member:sub(ID_LENGTH + 1, ID_LENGTH + 1), member:sub(ID_LENGTH + 2)
    local board = boards[screening]
    if not board then
      board = { seats = {}, holders = {} }
      boards[screening] = board
      order[#order + 1] = screening
    end
    local list = kind == '/' and board.seats or board.holders
    list[#list + 1] = what
  end
  for _, screening in ipairs(order) do
    local board = new_board(prefix .. screening, keys[1], keys[2], now)
    sweep_board(board, boards[screening].seats, boards[screening].holders)
  end
  return { now, DONE, #due }
end

-- The map as everybody may see it, true of its sequence: what is over ends first.
local function snapshot(keys)
  local board = new_board(keys[1], keys[2], keys[3], clock())
  read_all(board)
  local seats, holders = {}, {}
  for name in pairs(board.fields) do
    local kind = name:sub(1, 1)
    if kind == '$' then
      local lock = payment_of(board, name:sub(2))
      if lock.ends <= board.now then
        holders[#holders + 1] = name:sub(2)
      end
    elseif kind:match('%a') then
      local lock = lock_on(board, name)
      if lock and lock.ends <= board.now then
        seats[#seats + 1] = name
      end
    end
  end
  if #seats > 0 or #holders > 0 then
    end_over(board, seats, holders)
  end
  if not is_loaded(board) then
    return reply_not_loaded(board)
  end
  local words = {}
  for name, value in pairs(board.fields) do
    if value and name:match('^%a') then
      words[#words + 1] = name
      words[#words + 1] = value == SOLD and 'B' or lock_on(board, name).ends
    end
  end
  return { board.now, MAP, board.seq, table.concat(words, ' ') }
end

-- ARGV: the holder.
local function find_hold(keys, args)
  local board, holder = new_board(keys[1], keys[2], keys[3], clock()), args[1]
  read(board, { '@' .. holder, '$' .. holder })
  return reply_hold(board, holder)
end

-- KEYS: boards of one tag. Of each: its sequence, or -1 when it is not loaded, and how many seats are taken.
local function list_states(keys)
  local reply = { clock(), DONE }
  for _, key in ipairs(keys) do
    local loaded_in, seq, taken = split_head(redis.call('HGET', key, '#'))
    reply[#reply + 1] = loaded_in == life() and seq or -1
    reply[#reply + 1] = taken
  end
  return reply
end

-- KEYS: the releases of a tag. ARGV: an id before all of them, then of each release: screening, sequence, first seat.
local function forget_releases(keys, args)
  local wanted, left, told, from = {}, 0, {}, args[1]
  for index = 2, #args do
    wanted[args[index]] = true
    left = left + 1
  end
  while left > 0 do
    local entries = redis.call('XRANGE', keys[1], from, '+', 'COUNT', WORDS_MAX)
    if #entries == 0 then
      break
    end
    for _, entry in ipairs(entries) do
      local text = entry[2][2]
      local screening_and_seq, seat = text:match('^(%S+ %d+) %S+ %S+ %S+ (%S+)')
      if wanted[screening_and_seq .. ' ' .. seat] then
        told[#told + 1] = entry[1]
        left = left - 1
      end
    end
    from = '(' .. entries[#entries][1]
  end
  call_with('XDEL', keys[1], told)
  return { clock(), DONE }
end

-- A small piece of real work.
local function ping(keys)
  local now = clock()
  redis.call('SET', keys[1], now, 'PX', 1000)
  return { now, DONE }
end

-- A call that may come too late, over one board.
local function on_board(call)
  return function(keys, args)
    local now = clock()
    if now > tonumber(args[1]) then
      return { now, LATE }
    end
    return call(new_board(keys[1], keys[2], keys[3], now), args)
  end
end

local function register(name, callback, flags)
  redis.register_function({ function_name = 'seatkeeper_v1_' .. name, callback = callback, flags = flags or {} })
end

-- What gives memory back is done by a Redis that has none left.
register('lock', lock)
register('release', on_board(let_go), { 'allow-oom' })
register('start_payment', on_board(start_payment))
register('keep_payment', on_board(keep_payment))
register('end_payment', on_board(end_payment), { 'allow-oom' })
register('mark_sold', on_board(mark_sold))
register('mark_freed', on_board(mark_freed))
register('load', on_board(load_truth))
register('sweep', sweep, { 'allow-oom' })
register('snapshot', snapshot, { 'allow-oom' })
register('find_hold', find_hold, { 'no-writes' })
register('list_states', list_states, { 'no-writes' })
register('forget_releases', forget_releases, { 'allow-oom' })
register('ping', ping)
