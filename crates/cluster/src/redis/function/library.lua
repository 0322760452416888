
-- Functions that remove expired locks, functions that read, and the registration of all functions.

-- Removes the expired locks on these seats, in sorted order, and the expired payment locks of these people.
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

-- Shortens the locks on these seats and the payment locks of these people that would last longer than they may.
local function limit_board(board, seats, holders, lock_until, payment_until)
  local names = append_from({ '#' }, seats, 1)
  for _, holder in ipairs(holders) do
    names[#names + 1] = '$' .. holder
  end
  read(board, names)
  table.sort(seats, is_before)
  for _, seat in ipairs(seats) do
    local lock = lock_on(board, seat)
    local ends = lock and lock.is_restarted and payment_until or lock_until
    if lock and lock.ends > ends then
      set_lock(board, seat, lock.holder, ends, lock.is_restarted)
    end
  end
  for _, holder in ipairs(holders) do
    local lock = payment_of(board, holder)
    if lock and (lock.ends > payment_until or (lock.kept_from or 0) > payment_until) then
      put_payment(board, holder, {
        payment = lock.payment, since = math.min(lock.since, board.now), ends = math.min(lock.ends, payment_until),
        kept_from = lock.kept_from and math.min(lock.kept_from, payment_until),
      })
    end
  end
  finish(board, true)
end

-- Groups members of `due` by screening, and calls `work` with the seats and the people of each.
local function for_each_board(keys, now, members, work)
  local prefix, boards, order = keys[1]:sub(1, PREFIX_LENGTH), {}, {}
  for _, member in ipairs(members) do
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
    work(board, boards[screening].seats, boards[screening].holders)
  end
end

-- Removes the expired locks and payment locks of all screenings of one tag. KEYS: the tag's sorted set `due`, its
-- stream of releases. ARGV: the limit; then, after this Redis's clock was set back, the longest time of a lock and of the
-- locks of a payment in ms: locks that would last longer are shortened first. Replies with the number of entries of `due`
-- that were expired.
local function sweep(keys, args)
  local now = clock()
  if args[2] then
    local lock_until, payment_until = now + tonumber(args[2]), now + tonumber(args[3])
    local late = redis.call('ZRANGE', keys[1], '(' .. text_of(math.min(lock_until, payment_until)), '+inf', 'BYSCORE')
    for_each_board(keys, now, late, function(board, seats, holders)
      limit_board(board, seats, holders, lock_until, payment_until)
    end)
  end
  local due = redis.call('ZRANGE', keys[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, args[1])
  for_each_board(keys, now, due, sweep_board)
  return { now, DONE, #due }
end

-- The seat map without holders, which every viewer may see, and its sequence. Expired locks are removed first, so that
-- the snapshot is consistent with the sequence.
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
      words[#words + 1] = is_withdrawn(board, name) and 'U' or value == OFF_SALE and 'B' or lock_on(board, name).ends
    end
  end
  return { board.now, MAP, board.seq, table.concat(words, ' ') }
end

-- Replies with one person's hold. ARGV: the holder.
local function find_hold(keys, args)
  local board, holder = new_board(keys[1], keys[2], keys[3], clock()), args[1]
  read(board, { '#', '@' .. holder, '$' .. holder })
  return reply_hold(board, holder)
end

-- KEYS: the hashes of seat maps of one tag. Replies with two numbers for each: its sequence, or -1 when it is not
-- loaded, and the number of locked, sold or withdrawn seats.
local function list_states(keys)
  local reply = { clock(), DONE }
  for _, key in ipairs(keys) do
    local loaded_in, seq, taken = split_head(redis.call('HGET', key, '#'))
    reply[#reply + 1] = loaded_in == life() and seq or -1
    reply[#reply + 1] = taken
  end
  return reply
end

-- Deletes releases from the stream after a server has copied them to the outbox. KEYS: the tag's stream of releases.
-- ARGV: a stream id before that of all these releases, then a name for each release: its screening, sequence and first
-- seat.
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

-- A health check that writes a key, so that it fails when Redis refuses writes.
local function ping(keys)
  local now = clock()
  redis.call('SET', keys[1], now, 'PX', 1000)
  return { now, DONE }
end

-- Wraps a function on one seat map: it replies LATE and changes nothing when the deadline in ARGV has passed.
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
  redis.register_function({ function_name = 'seatkeeper_v3_' .. name, callback = callback, flags = flags or {} })
end

-- Functions that free memory have the flag `allow-oom`, so that Redis runs them although its memory is full.
register('lock', lock)
register('release', on_board(let_go), { 'allow-oom' })
register('start_payment', on_board(start_payment))
register('keep_payment', on_board(keep_payment))
register('end_payment', on_board(end_payment), { 'allow-oom' })
register('mark_sold', on_board(mark_sold))
register('mark_freed', on_board(mark_freed))
register('withdraw', on_board(withdraw))
register('restore_to_sale', on_board(restore_to_sale))
register('load', on_board(load_truth))
register('sweep', sweep, { 'allow-oom' })
register('snapshot', snapshot, { 'allow-oom' })
register('find_hold', find_hold, { 'no-writes' })
register('list_states', list_states, { 'no-writes' })
register('forget_releases', forget_releases, { 'allow-oom' })
register('ping', ping)
