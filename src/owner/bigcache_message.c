
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Encodes and checks the header of a message.
 */


#include <string.h>

#include "bigcache_message.h"


typedef struct {
    uint32_t   magic;
    uint16_t   version;
    uint16_t   call;
    uint32_t   rc;
    uint32_t   key_len;
    uint32_t   data_len;
    uint32_t   flags;
    uint64_t   n[BIGCACHE_MESSAGE_NUMBERS];
} bigcache_message_header_t;

_Static_assert(sizeof(bigcache_message_header_t) == BIGCACHE_MESSAGE_HEADER,
               "the header of a message has no holes");


void
bigcache_message_encode(u_char *dst, const bigcache_message_t *message)
{
    bigcache_message_header_t  header;

    header.magic = BIGCACHE_MESSAGE_MAGIC;
    header.version = BIGCACHE_MESSAGE_VERSION;
    header.call = (uint16_t) message->call;
    header.rc = (uint32_t) message->rc;
    header.key_len = (uint32_t) message->key.len;
    header.data_len = (uint32_t) message->data.len;
    header.flags = message->flags;

    memcpy(header.n, message->n, sizeof(header.n));
    memcpy(dst, &header, sizeof(header));
}


const char *
bigcache_message_decode(bigcache_message_t *message, const u_char *data,
    size_t len)
{
    bigcache_message_header_t  header;

    if (len < sizeof(header)) {
        return "it is too short";
    }

    memcpy(&header, data, sizeof(header));

    if (header.magic != BIGCACHE_MESSAGE_MAGIC) {
        return "it is no message of bigcache";
    }

    if (header.version != BIGCACHE_MESSAGE_VERSION) {
        return "it is of another version of bigcache";
    }

    if (header.call < BIGCACHE_CALL_HELLO
        || header.call > BIGCACHE_CALL_SWEEP
        || header.rc > BIGCACHE_NO_ANSWER)
    {
        return "it has an unknown call or code";
    }

    if (header.key_len > BIGCACHE_KEY_MAX
        || header.data_len > BIGCACHE_MESSAGE_DATA_MAX
        || len != sizeof(header) + header.key_len + header.data_len)
    {
        return "its lengths are wrong";
    }

    memset(message, 0, sizeof(bigcache_message_t));

    message->call = header.call;
    message->rc = (bigcache_rc_t) header.rc;
    message->flags = header.flags;

    memcpy(message->n, header.n, sizeof(header.n));

    message->key = bigcache_str(data + sizeof(header), header.key_len);
    message->data = bigcache_str(message->key.data + header.key_len,
                                 header.data_len);

    return NULL;
}
