
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The texts of the scripts.  What they read and write of a page is in front of
 * it, in digits, see bigcache_value.h.
 */


#include "bigcache_script.h"


/*
 * Seconds for which a nonce is remembered; seconds for which a chunk stays that
 * a reader may still want, or that a command on its way may still store;
 * entries of a set of what was removed, and seconds for which they stay.
 */

#define BIGCACHE_SCRIPT_NONCES   "30"
#define BIGCACHE_SCRIPT_ORPHANS  "60"
#define BIGCACHE_SCRIPT_REMOVED  "200"
#define BIGCACHE_SCRIPT_PAST     "600"


/*
 * call: a command.  later: the next version of the clock in numbers; versions
 * are times in microseconds, and grow also if a clock is set back.  note: that
 * the nonce is done, and forgets old ones.  forget: keeps the latest of a set
 * by version, and remembers up to which version others may have been in it.
 * again: a write, so that WAIT behind it waits for what was done before.
 * front: what is in front of a page.  removes: chunks whose time comes soon.
 * leave: takes a page out of its tags, and leaves its chunks to be removed.
 */

#define BIGCACHE_SCRIPT_COMMON                                                \
    "local call = redis.call\n"                                               \
    "local function us()\n"                                                   \
    "  local t = call('TIME')\n"                                              \
    "  return t[1] * 1000000 + t[2]\n"                                        \
    "end\n"                                                                   \
    "local function digits(n) return string.format('%016.0f', n) end\n"       \
    "local function later(numbers)\n"                                         \
    "  local v = us()\n"                                                      \
    "  local last = tonumber(call('HGET', numbers, 'clock') or 0)\n"          \
    "  if v <= last then v = last + 1 end\n"                                  \
    "  return v\n"                                                            \
    "end\n"                                                                   \
    "local function note(nonces, nonce, v)\n"                                 \
    "  call('ZADD', nonces, digits(v), nonce)\n"                              \
    "  call('ZREMRANGEBYSCORE', nonces, '-inf',\n"                            \
    "       digits(v - " BIGCACHE_SCRIPT_NONCES " * 1000000))\n"              \
    "end\n"                                                                   \
    "local function forget(set, numbers, v)\n"                                \
    "  local past = v - " BIGCACHE_SCRIPT_PAST " * 1000000\n"                 \
    "  local last = 0\n"                                                      \
    "  if call('ZREMRANGEBYSCORE', set, '-inf', digits(past)) > 0 then\n"     \
    "    last = past\n"                                                       \
    "  end\n"                                                                 \
    "  if call('ZCARD', set) > " BIGCACHE_SCRIPT_REMOVED " then\n"            \
    "    last = tonumber(call('ZPOPMIN', set)[2])\n"                          \
    "  end\n"                                                                 \
    "  if last > tonumber(call('HGET', numbers, 'floor') or 0) then\n"        \
    "    call('HSET', numbers, 'floor', digits(last))\n"                      \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "local function again(numbers)\n"                                         \
    "  redis.pcall('HSET', numbers, 'again', digits(us()))\n"                 \
    "end\n"                                                                   \
    "local function each(tags, f)\n"                                          \
    "  local at = 1\n"                                                        \
    "  while at <= #tags do\n"                                                \
    "    local to = at + 1 + string.byte(tags, at)\n"                         \
    "    f(string.sub(tags, at, to))\n"                                       \
    "    at = to + 1\n"                                                       \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "local function front(page)\n"                                            \
    "  local s = call('GETRANGE', page, 0, 103)\n"                            \
    "  if s == '' then return nil end\n"                                      \
    "  local p = { version = string.sub(s, 1, 16),\n"                         \
    "    expire = tonumber(string.sub(s, 49, 64)),\n"                         \
    "    nonce = string.sub(s, 65, 88), tags = '',\n"                         \
    "    chunks = tonumber(string.sub(s, 89, 96)) }\n"                        \
    "  local n = tonumber(string.sub(s, 97, 104))\n"                          \
    "  if not (p.expire and p.chunks and n) then\n"                           \
    "    return { version = '', expire = 0, nonce = '', tags = '',\n"         \
    "             chunks = 0 }\n"                                             \
    "  end\n"                                                                 \
    "  if n > 0 then\n"                                                       \
    "    p.tags = call('GETRANGE', page, 152, 151 + n)\n"                     \
    "  end\n"                                                                 \
    "  return p\n"                                                            \
    "end\n"                                                                   \
    "local function removes(orphans, chunks)\n"                               \
    "  call('ZADD', orphans,\n"                                               \
    "       digits(us() + " BIGCACHE_SCRIPT_ORPHANS " * 1000000),\n"          \
    "       '-' .. chunks)\n"                                                 \
    "end\n"                                                                   \
    "local function leave(p, key, tags, orphans)\n"                           \
    "  each(p.tags, function (tag) call('ZREM', tags, tag .. key) end)\n"     \
    "  if p.chunks > 0 then\n"                                                \
    "    removes(orphans, p.nonce .. ':' .. p.chunks)\n"                      \
    "  end\n"                                                                 \
    "end\n"


#define BIGCACHE_SCRIPT_TEXT_COMMIT                                           \
    BIGCACHE_SCRIPT_COMMON                                                    \
    "local page, draft, index, expires, tags, purges, removed, nonces,\n"     \
    "  orphans, numbers = unpack(KEYS)\n"                                     \
    "local key, nonce, expect, origin, fetched, looked, dead, expire,\n"      \
    "  mine, group, chunks, now = unpack(ARGV)\n"                             \
    "local v = call('ZSCORE', nonces, nonce)\n"                               \
    "if v then\n"                                                             \
    "  call('UNLINK', draft)\n"                                               \
    "  return {'ok', digits(v)}\n"                                            \
    "end\n"                                                                   \
    "local n = call('HMGET', numbers, 'purges', 'marked', 'floor')\n"         \
    "if looked ~= '' then\n"                                                  \
    "  if (n[1] or '0') ~= looked then return {'purges'} end\n"               \
    "elseif call('EXISTS', purges) == 1\n"                                    \
    "  or (fetched ~= '' and tonumber(n[2] or 0) > tonumber(origin)) then\n"  \
    "  return {'purges'}\n"                                                   \
    "end\n"                                                                   \
    "local p = front(page)\n"                                                 \
    "local live = p and p.version ~= dead and p.expire > tonumber(now)\n"     \
    "local is = live and p.version or 'none'\n"                               \
    "if expect ~= '' and expect ~= is then\n"                                 \
    "  call('UNLINK', draft)\n"                                               \
    "  return {'mismatch'}\n"                                                 \
    "end\n"                                                                   \
    "if fetched ~= '' then\n"                                                 \
    "  local since = tonumber(call('ZSCORE', removed, group) or 0)\n"         \
    "  since = math.max(since, tonumber(n[3] or 0))\n"                        \
    "  if since > tonumber(origin) then\n"                                    \
    "    call('UNLINK', draft)\n"                                             \
    "    return {'removed'}\n"                                                \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "if call('EXISTS', draft) == 0 then return {'draft'} end\n"               \
    "if chunks ~= '' and not call('ZSCORE', orphans, chunks) then\n"          \
    "  call('UNLINK', draft)\n"                                               \
    "  return {'late'}\n"                                                     \
    "end\n"                                                                   \
    "v = later(numbers)\n"                                                    \
    "call('SETRANGE', draft, 0, digits(v))\n"                                 \
    "if origin == '' then call('SETRANGE', draft, 16, digits(v)) end\n"       \
    "if p and origin ~= '' and fetched == '' then\n"                          \
    "  call('SETRANGE', draft, 32, call('GETRANGE', page, 32, 47))\n"         \
    "end\n"                                                                   \
    "if p then leave(p, key, tags, orphans) end\n"                            \
    "call('RENAME', draft, page)\n"                                           \
    "call('PERSIST', page)\n"                                                 \
    "call('ZADD', index, 0, key)\n"                                           \
    "if expire == '9999999999999999' then call('ZREM', expires, key)\n"       \
    "else call('ZADD', expires, expire, key) end\n"                           \
    "each(mine, function (tag) call('ZADD', tags, 0, tag .. key) end)\n"      \
    "if chunks ~= '' then call('ZREM', orphans, chunks) end\n"                \
    "call('HSET', numbers, 'clock', digits(v))\n"                             \
    "note(nonces, nonce, v)\n"                                                \
    "return {'ok', digits(v)}\n"


#define BIGCACHE_SCRIPT_TEXT_REMOVE                                           \
    BIGCACHE_SCRIPT_COMMON                                                    \
    "local page, index, expires, tags, purges, removed, nonces, orphans,\n"   \
    "  numbers = unpack(KEYS)\n"                                              \
    "local key, nonce, expect, how, looked, dead, group, now\n"               \
    "  = unpack(ARGV)\n"                                                      \
    "local v = call('ZSCORE', nonces, nonce)\n"                               \
    "if v then\n"                                                             \
    "  again(numbers)\n"                                                      \
    "  return {'ok', digits(v)}\n"                                            \
    "end\n"                                                                   \
    "if how == 'delete' then\n"                                               \
    "  if looked ~= '' then\n"                                                \
    "    if (call('HGET', numbers, 'purges') or '0') ~= looked then\n"        \
    "      return {'purges'}\n"                                               \
    "    end\n"                                                               \
    "  elseif call('EXISTS', purges) == 1 then\n"                             \
    "    return {'purges'}\n"                                                 \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "local p = front(page)\n"                                                 \
    "local expired = p and p.expire <= (tonumber(now) or us() / 1000)\n"      \
    "local live = p and not expired and p.version ~= dead\n"                  \
    "if how == 'delete' then\n"                                               \
    "  if live and expect ~= '' and expect ~= p.version then\n"               \
    "    return {'mismatch'}\n"                                               \
    "  end\n"                                                                 \
    "elseif not p then\n"                                                     \
    "  call('ZREM', index, key)\n"                                            \
    "  call('ZREM', expires, key)\n"                                          \
    "  return {'miss'}\n"                                                     \
    "elseif p.version ~= expect\n"                                            \
    "  or (how == 'expire' and not expired) then\n"                           \
    "  return {'miss'}\n"                                                     \
    "end\n"                                                                   \
    "call('ZREM', nonces, '')\n"                                              \
    "v = later(numbers)\n"                                                    \
    "if p then\n"                                                             \
    "  call('UNLINK', page)\n"                                                \
    "  call('ZREM', index, key)\n"                                            \
    "  call('ZREM', expires, key)\n"                                          \
    "  leave(p, key, tags, orphans)\n"                                        \
    "end\n"                                                                   \
    "if how == 'delete' then\n"                                               \
    "  call('ZADD', removed, digits(v), group)\n"                             \
    "  forget(removed, numbers, v)\n"                                         \
    "end\n"                                                                   \
    "call('HSET', numbers, 'clock', digits(v))\n"                             \
    "if live or how ~= 'delete' then note(nonces, nonce, v) end\n"            \
    "if how == 'delete' and not live then\n"                                  \
    "  if expired and p.version ~= dead then\n"                               \
    "    return {'expired', digits(v)}\n"                                     \
    "  end\n"                                                                 \
    "  return {'miss', digits(v)}\n"                                          \
    "end\n"                                                                   \
    "return {'ok', digits(v)}\n"


#define BIGCACHE_SCRIPT_TEXT_MARK                                             \
    BIGCACHE_SCRIPT_COMMON                                                    \
    "local index, tags, purges, done, nonces, numbers = unpack(KEYS)\n"       \
    "local nonce, list = ARGV[1], ARGV[2]\n"                                  \
    "local v = call('ZSCORE', nonces, nonce)\n"                               \
    "if v then\n"                                                             \
    "  again(numbers)\n"                                                      \
    "  return {digits(v), 1}\n"                                               \
    "end\n"                                                                   \
    "call('ZREM', nonces, '')\n"                                              \
    "v = later(numbers)\n"                                                    \
    "local at, found = 1, 0\n"                                                \
    "while at <= #list do\n"                                                  \
    "  local len = tonumber(string.sub(list, at, at + 4))\n"                  \
    "  local begins = tonumber(string.sub(list, at + 5, at + 9))\n"           \
    "  local count = tonumber(string.sub(list, at + 10, at + 14))\n"          \
    "  local set = string.sub(list, at + 15, at + 15) == 't'\n"               \
    "    and tags or index\n"                                                 \
    "  at = at + 16\n"                                                        \
    "  local selector = string.sub(list, at, at + len - 1)\n"                 \
    "  at = at + len\n"                                                       \
    "  local any = false\n"                                                   \
    "  for i = 1, count do\n"                                                 \
    "    local begin = string.sub(list, at, at + begins - 1)\n"               \
    "    at = at + begins\n"                                                  \
    "    local one = call('ZRANGEBYLEX', set, '[' .. begin, '+',\n"           \
    "                     'LIMIT', 0, 1)\n"                                   \
    "    any = any or (one[1]\n"                                              \
    "      and string.sub(one[1], 1, begins) == begin)\n"                     \
    "  end\n"                                                                 \
    "  if any then\n"                                                         \
    "    found = found + 1\n"                                                 \
    "    call('ZADD', purges, digits(v), selector)\n"                         \
    "  else\n"                                                                \
    "    call('ZADD', done, 'GT', digits(v), selector)\n"                     \
    "    forget(done, numbers, v)\n"                                          \
    "  end\n"                                                                 \
    "end\n"                                                                   \
    "call('HINCRBY', numbers, 'purges', 1)\n"                                 \
    "call('HSET', numbers, 'marked', digits(v), 'clock', digits(v))\n"        \
    "note(nonces, nonce, v)\n"                                                \
    "return {digits(v), found}\n"


#define BIGCACHE_SCRIPT_TEXT_SOFTEN                                           \
    "local s = redis.call('GETRANGE', KEYS[1], 0, 47)\n"                      \
    "if s == '' then return 0 end\n"                                          \
    "if string.sub(s, 1, 16) ~= ARGV[1] then return 2 end\n"                  \
    "if tonumber(string.sub(s, 33, 48)) ~= 0 then return 0 end\n"             \
    "redis.call('PERSIST', KEYS[1])\n"                                        \
    "redis.call('SETRANGE', KEYS[1], 32, ARGV[2])\n"                          \
    "return 1\n"


#define BIGCACHE_SCRIPT_TEXT_DONE                                             \
    BIGCACHE_SCRIPT_COMMON                                                    \
    "local purges, done, numbers = unpack(KEYS)\n"                            \
    "local v = call('ZSCORE', purges, ARGV[1])\n"                             \
    "if not v or digits(v) ~= ARGV[2] then return 0 end\n"                    \
    "call('ZREM', purges, ARGV[1])\n"                                         \
    "call('ZADD', done, 'GT', digits(v), ARGV[1])\n"                          \
    "forget(done, numbers, tonumber(v))\n"                                    \
    "return 1\n"


#define BIGCACHE_SCRIPT_TEXT_CHUNKS                                           \
    BIGCACHE_SCRIPT_COMMON                                                    \
    "local orphans, chunks, how, seconds = KEYS[1], unpack(ARGV)\n"           \
    "if how == 'begin' then\n"                                                \
    "  call('ZADD', orphans, digits(us() + seconds * 1000000), chunks)\n"     \
    "  return 1\n"                                                            \
    "end\n"                                                                   \
    "local due = call('ZSCORE', orphans, chunks)\n"                           \
    "if not due or (how == 'due' and tonumber(due) > us()) then\n"            \
    "  return 0\n"                                                            \
    "end\n"                                                                   \
    "if string.sub(chunks, 1, 1) == '-' then return 1 end\n"                  \
    "call('ZREM', orphans, chunks)\n"                                         \
    "removes(orphans, chunks)\n"                                              \
    "return how == 'end' and 1 or 0\n"


static const bigcache_script_t  bigcache_scripts[BIGCACHE_SCRIPTS] = {
    { bigcache_string(BIGCACHE_SCRIPT_TEXT_COMMIT), 8,
      { BIGCACHE_BUCKET_INDEX, BIGCACHE_BUCKET_EXPIRES, BIGCACHE_BUCKET_TAGS,
        BIGCACHE_BUCKET_PURGES, BIGCACHE_BUCKET_REMOVED,
        BIGCACHE_BUCKET_NONCES, BIGCACHE_BUCKET_ORPHANS,
        BIGCACHE_BUCKET_NUMBERS } },
    { bigcache_string(BIGCACHE_SCRIPT_TEXT_REMOVE), 8,
      { BIGCACHE_BUCKET_INDEX, BIGCACHE_BUCKET_EXPIRES, BIGCACHE_BUCKET_TAGS,
        BIGCACHE_BUCKET_PURGES, BIGCACHE_BUCKET_REMOVED,
        BIGCACHE_BUCKET_NONCES, BIGCACHE_BUCKET_ORPHANS,
        BIGCACHE_BUCKET_NUMBERS } },
    { bigcache_string(BIGCACHE_SCRIPT_TEXT_MARK), 6,
      { BIGCACHE_BUCKET_INDEX, BIGCACHE_BUCKET_TAGS, BIGCACHE_BUCKET_PURGES,
        BIGCACHE_BUCKET_DONE, BIGCACHE_BUCKET_NONCES,
        BIGCACHE_BUCKET_NUMBERS } },
    { bigcache_string(BIGCACHE_SCRIPT_TEXT_SOFTEN), 0, { 0 } },
    { bigcache_string(BIGCACHE_SCRIPT_TEXT_DONE), 3,
      { BIGCACHE_BUCKET_PURGES, BIGCACHE_BUCKET_DONE,
        BIGCACHE_BUCKET_NUMBERS } },
    { bigcache_string(BIGCACHE_SCRIPT_TEXT_CHUNKS), 1,
      { BIGCACHE_BUCKET_ORPHANS } }
};


const bigcache_script_t *
bigcache_script(bigcache_script_e script)
{
    return &bigcache_scripts[script];
}
