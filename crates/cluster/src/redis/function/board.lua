#!lua name=seatkeeper_v2

-- One screening's seats, as plain fields of one hash:
--
--   #                      in which life of this Redis the store's truth was loaded (see `life`), the sequence of the last
--                          change, how many seats are locked or sold
--   A1                     'S' not for sale any more; else a lock: holder (36 characters), 1 if restarted else 0, when it
--                          ends
--   !                      those of the seats with 'S' that are withdrawn from sale, by blanks; the others are sold. The
--                          functions of version 1 do not know this field and take withdrawn seats for sold ones
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

local OFF_SALE = 'S'
local WITHDRAWN = '!'
local ID_LENGTH = 36
local LIFE_LENGTH = 40
local SEQ_LENGTH = 13
local NO_LIFE = ('-'):rep(LIFE_LENGTH)
local PREFIX_LENGTH = #'seatkeeper1:{00}:'

-- A value of more than 64 bytes has Redis keep a hash as a table. As a list, which it would be below 512 fields, it is read
-- from its beginning for each field that is asked for.
local TABLE_MARK = ('-'):rep(65)
-- Messages go to the channel with this suffix. Servers of the version before subscribe to the channel without it and read
-- messages of version 1 there; they close their feed at a message with another number.
local CHANNEL_SUFFIX = ':v2'
local MESSAGE_VERSION = '2'
local OLD_MESSAGE_VERSION = '1'
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
    fields = {}, dirty = {}, locks = {}, ends = {}, order = {}, status = {}, told = {}, holders = {},
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
  -- Known as absent, so that looking it up while going through all fields adds none.
  board.fields[WITHDRAWN] = board.fields[WITHDRAWN] or false
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

-- The lock on a seat, over or not; nil when it is free or not for sale.
local function lock_on(board, seat)
  local lock = board.locks[seat]
  if lock then
    return lock
  end
  local text = get(board, seat)
  if not text or text == OFF_SALE then
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

-- Sold or withdrawn: neither can be locked.
local function is_off_sale(board, seat)
  return get(board, seat) == OFF_SALE
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

-- The seats of the field `!` as a set, read once in a call. `finish` writes it when it was changed.
local function withdrawn_set(board)
  if not board.withdrawn then
    board.withdrawn = {}
    for _, seat in ipairs(words_of(get(board, WITHDRAWN))) do
      board.withdrawn[seat] = true
    end
  end
  return board.withdrawn
end

local function set_withdrawn(board, seat, is_in)
  withdrawn_set(board)[seat] = is_in or nil
  board.is_withdrawn_dirty = true
end

local function is_withdrawn(board, seat)
  return is_off_sale(board, seat) and withdrawn_set(board)[seat] == true
end

local function is_sold(board, seat)
  return is_off_sale(board, seat) and not is_withdrawn(board, seat)
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

-- The only way in which a call changes a seat: a lock, OFF_SALE, or false for a free one. `has_key` says that the seat's own
-- key is set already.
local function put_seat(board, seat, state, has_key)
  local was, was_taken = lock_on(board, seat), get(board, seat) and 1 or 0
  local lock = state ~= OFF_SALE and state or nil
  board.locks[seat] = lock
  board.is_changed = true
  if was then
    board.holders[was.holder] = true
  end
  if lock then
    board.holders[lock.holder] = true
  end
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
  local text = lock and table.concat({ lock.payment, text_of(lock.since), text_of(lock.ends), lock.kept_from and text_of(lock.kept_from) or '-' }, ' ') or false
  if text == get(board, '$' .. holder) then
    return
  end
  put(board, '$' .. holder, text)
  board.is_changed = true
  board.holders[holder] = true
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

-- Viewers are told: 'A' available, 'B' booked, 'U' withdrawn from sale, or when a lock ends.
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
  if is_withdrawn(board, seat) then
    set_withdrawn(board, seat, false)
  end
  if not live_lock(board, seat) then
    free(board, seat)
  end
  put_seat(board, seat, OFF_SALE)
  change(board, seat, 'B')
end

-- Marks a seat withdrawn from sale. A lock on it is released first.
local function withdraw_seat(board, seat)
  if is_withdrawn(board, seat) then
    return
  end
  free(board, seat)
  put_seat(board, seat, OFF_SALE)
  set_withdrawn(board, seat, true)
  change(board, seat, 'U')
end

-- Frees a seat that was sold or withdrawn.
local function put_on_sale(board, seat)
  if is_withdrawn(board, seat) then
    set_withdrawn(board, seat, false)
  end
  put_seat(board, seat, false)
  change(board, seat, 'A')
end

local function write_fields(board)
  local set, gone = {}, {}
  if board.is_withdrawn_dirty then
    local words = {}
    for seat in pairs(board.withdrawn) do
      words[#words + 1] = seat
    end
    put(board, WITHDRAWN, #words > 0 and table.concat(words, ' '))
  end
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

-- Whether a server of the version before watches this board: every server of this version subscribes to both channels, so
-- that more subscribers of the old one than of the new one are old servers. An account that may not ask counts as yes.
local function has_old_watchers(key, receivers)
  local counts = redis.pcall('PUBSUB', 'SHARDNUMSUB', key)
  return counts.err ~= nil or tonumber(counts[2]) > receivers
end

-- The message of version 1. It cannot be empty: when only a payment lock changed, a seat of its holder is told as it is.
local function publish_to_old_watchers(board, prev_text, seq_text, holders)
  local words = { OLD_MESSAGE_VERSION, prev_text, seq_text }
  for _, seat in ipairs(board.order) do
    words[#words + 1] = seat
    words[#words + 1] = board.status[seat] == 'U' and 'B' or board.status[seat]
  end
  local held = #board.order == 0 and held_by(board, holders[1]) or {}
  if #held > 0 then
    words[#words + 1] = held[1]
    words[#words + 1] = text_of(lock_on(board, held[1]).ends)
  end
  redis.call('SPUBLISH', board.key, table.concat(words, ' '))
end

-- Publishes seats with their status, then each changed hold: '@' and its holder, payment or '-', seats and when they end.
local function publish(board, prev_text, seq_text)
  local words = { MESSAGE_VERSION, 'seats', prev_text, seq_text }
  for _, seat in ipairs(board.order) do
    words[#words + 1] = seat
    words[#words + 1] = board.status[seat]
  end
  local holders = {}
  for holder in pairs(board.holders) do
    holders[#holders + 1] = holder
  end
  table.sort(holders)
  for _, holder in ipairs(holders) do
    local paying = live_payment(board, holder)
    words[#words + 1] = '@' .. holder
    words[#words + 1] = paying and paying.payment or '-'
    for _, seat in ipairs(held_by(board, holder)) do
      words[#words + 1] = seat
      words[#words + 1] = text_of(lock_on(board, seat).ends)
    end
  end
  local receivers = redis.call('SPUBLISH', board.key .. CHANNEL_SUFFIX, table.concat(words, ' '))
  if has_old_watchers(board.key, receivers) then
    publish_to_old_watchers(board, prev_text, seq_text, holders)
  end
end

-- Numbers what the call changed, writes it down and publishes it. `is_kept`: the board is in use and not idle.
local function finish(board, is_kept)
  local prev = head(board).seq
  if board.is_changed then
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
  if board.is_changed then
    publish(board, text_of(prev), seq_text)
  end
end
