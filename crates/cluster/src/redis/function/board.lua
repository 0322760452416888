#!lua name=seatkeeper_v3

-- The seat map of one screening (a "board") is one hash with these fields. Lists in a field are separated by spaces:
--
--   #                      the run id of the Redis process in which the ledger was loaded into this map (see `life`), the
--                          sequence of the last change, and the number of locked, sold or withdrawn seats
--   A1                     'S' for a seat that is sold or withdrawn; otherwise a lock: the holder's id (36 characters),
--                          1 if a payment has restarted the lock's expiry, else 0, and the expiry
--   !                      the withdrawn seats among those with 'S'; the other seats with 'S' are sold. The functions of
--                          version 1 do not read this field and treat withdrawn seats as sold
--   @<holder>              the seats that this person has locked, sorted
--   $<holder>              this person's payment lock: payment, start, expiry, and the expiry that the locks had before
--                          they were extended during the confirmation (or -)
--   =<payment>             the people whose payment lock belongs to this payment
--   ~                      a constant; see TABLE_MARK
--
-- Three other kinds of keys have the same hash tag and are therefore on the same node: one key per locked seat, set with
-- NX and PX; a sorted set of all locks and payment locks by expiry (`due`); a stream of the releases that are not in the
-- outbox yet. A call cannot declare the seat keys in KEYS, because only the hash says which seats are locked; Redis
-- Cluster permits this, because they have the hash tag of the declared keys.
--
-- A call reads the fields that it needs, changes its copy in the `board` table, and writes all changed fields at the end
-- (`finish`). Only seat keys are written earlier. Times are Unix milliseconds of this Redis's clock: 13 digits, which
-- Lua's doubles represent exactly.

local OFF_SALE = 'S'
local WITHDRAWN = '!'
local ID_LENGTH = 36
local LIFE_LENGTH = 40
local SEQ_LENGTH = 13
local NO_LIFE = ('-'):rep(LIFE_LENGTH)
local PREFIX_LENGTH = #'seatkeeper1:{00}:'

-- One value of more than 64 bytes makes Redis encode the hash as a hash table. With fewer than 512 fields and only
-- short values, Redis would encode it as a listpack, in which each lookup of a field is a linear scan.
local TABLE_MARK = ('-'):rep(65)
-- Messages are published to the channel with this suffix. Servers of the previous version subscribe to the channel
-- without the suffix and read messages of version 1 there. They close their feed when a message has another version.
local CHANNEL_SUFFIX = ':v2'
local MESSAGE_VERSION = '2'
local OLD_MESSAGE_VERSION = '1'
-- Limit of the unpublished releases in the stream of one tag. When the stream is full, Redis drops the oldest releases.
local RELEASES_WAITING_MAX = '10000'
-- Milliseconds until the hash of an idle seat map expires: after its last payment, sale, refund, withdrawal, load or
-- removal of expired locks. It is loaded from the store again when it is needed.
local BOARD_IDLE_MS = 7 * 24 * 3600 * 1000
-- Limit of the arguments of one command, because `unpack` is limited by the size of Lua's stack.
local WORDS_MAX = 1000

-- The run id of this Redis process. The field `#` stores it when the ledger is loaded. A restart or a promoted replica
-- may restore an outdated hash; its run id differs, so the map counts as not loaded. The run id is read once per
-- process.
local run_id
local function life()
  run_id = run_id or redis.call('INFO', 'server'):match('run_id:(%w+)')
  return run_id
end

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Formats an integer. Lua's implicit conversion uses a floating-point format, which takes as long as a Redis command.
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

-- Reads these fields with HMGET. Fields that the call has read or changed already are not overwritten.
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
  -- Sets the field explicitly, so that `get` does not add a key to the table while a caller iterates over it with
  -- `pairs`.
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

-- Sets a field; the value `false` deletes it.
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

-- Parses the field `#` into the board's `loaded_in`, `seq` and `taken` on first use. Callers may change these three.
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

-- The lock on a seat, expired or not; nil when the seat is available, sold or withdrawn.
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

-- Whether a seat is sold or withdrawn, so that nobody can lock it.
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

-- The seats of the field `!` as a set, parsed once per call. `finish` writes the field if the set was changed.
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

-- Adds a word to a field that contains a list of words, or removes it.
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

-- Sets the seat keys of seats that are available according to the hash: all of them, or none if one key exists already;
-- then it returns that seat. Such a key was written by an earlier Redis process and its entry in the hash was lost. It
-- ends when it expires.
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

-- Sets the state of a seat: a lock, OFF_SALE, or false for an available seat. All calls change seats through this
-- function. `has_key` is true when the seat key is set already.
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

-- A person's payment lock, expired or not.
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

-- Sets a person's payment lock, or removes it when `lock` is nil. All calls change payment locks through this function.
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

-- The seats on which a person has locks that are not expired, sorted.
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

-- Adds a seat's new status to the live change that `finish` publishes to viewers: 'A' available, 'B' booked, 'U'
-- withdrawn from sale, or the expiry of a lock. A second change of a seat in one call replaces the first.
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

-- Records that a lock ended without a sale. `finish` appends the releases to the stream, from which a server copies
-- them to the outbox. Seats with the same holder and reason form one release.
local function release(board, holder, seat, reason)
  for _, told in ipairs(board.told) do
    if told.holder == holder and told.reason == reason then
      told.seats[#told.seats + 1] = seat
      return
    end
  end
  board.told[#board.told + 1] = { holder = holder, reason = reason, seats = { seat } }
end

-- Removes the lock on a seat, if there is one, and records its release as expired.
local function free(board, seat)
  local lock = lock_on(board, seat)
  if lock then
    put_seat(board, seat, false)
    change(board, seat, 'A')
    release(board, lock.holder, seat, 'expired')
  end
end

-- Marks a seat sold. A valid lock on it is removed without a release; the release of an expired lock is recorded first.
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

-- Marks a seat withdrawn from sale. A lock on it, valid or expired, is released first.
local function withdraw_seat(board, seat)
  if is_withdrawn(board, seat) then
    return
  end
  free(board, seat)
  put_seat(board, seat, OFF_SALE)
  set_withdrawn(board, seat, true)
  change(board, seat, 'U')
end

-- Makes a sold or withdrawn seat available again.
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

-- Whether a server of the previous version watches this seat map. Every server of this version subscribes to both
-- channels, so the old channel has more subscribers than the new one only if servers of the previous version are
-- running. If the account has no permission for PUBSUB, the answer is yes.
local function has_old_watchers(key, receivers)
  local counts = redis.pcall('PUBSUB', 'SHARDNUMSUB', key)
  return counts.err ~= nil or tonumber(counts[2]) > receivers
end

-- Publishes the message of version 1. Its list of seats cannot be empty: when only a payment lock has changed, the
-- message repeats the current status of one of the holder's seats.
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

-- Publishes the message of version 2: the changed seats with their status, then each changed hold: '@' and the holder,
-- the payment or '-', and the held seats with the expiry of their locks.
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

-- Assigns the next sequence to the changes of the call, writes the changed fields, and publishes the live change.
-- `is_kept` is true for calls that postpone the expiry of the hash; see BOARD_IDLE_MS.
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
