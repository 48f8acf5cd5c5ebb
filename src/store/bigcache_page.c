
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_crc.h"
#include "bigcache_gzip.h"
#include "bigcache_key.h"
#include "bigcache_life.h"


static bigcache_rc_t bigcache_page_small(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_draft_t *draft);
static bigcache_rc_t bigcache_page_pack(bigcache_store_t *store,
    bigcache_draft_t *draft, u_char **memory, size_t head);
static int bigcache_page_fits(bigcache_store_t *store, uint64_t length);
static bigcache_rc_t bigcache_page_inline(const bigcache_put_t *put,
    bigcache_draft_t *draft, const u_char *body);
static bigcache_rc_t bigcache_page_append(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_draft_t *draft, u_char *memory);
static bigcache_rc_t bigcache_page_large(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_draft_t *draft);
static bigcache_rc_t bigcache_page_reserve(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_draft_t *draft);
static bigcache_rc_t bigcache_page_failed(bigcache_store_t *store,
    bigcache_draft_t *draft);
static bigcache_rc_t bigcache_page_load(const bigcache_str_t *key,
    bigcache_page_t *page, int fd, size_t size, uint32_t *crc);
static bigcache_rc_t bigcache_page_verify(bigcache_store_t *store,
    bigcache_page_t *page, uint32_t expected);


bigcache_rc_t
bigcache_page_write(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_record_t  *record;

    memset(draft, 0, sizeof(bigcache_draft_t));

    record = &draft->record;

    record->kind = put->kind;
    record->head = put->head;
    record->expire = put->expire;
    record->type = put->type;
    record->length = bigcache_data_length(put->data, put->n);
    record->unpacked = record->length;

    return (record->length > BIGCACHE_STORE_LARGE)
           ? bigcache_page_large(store, put, draft)
           : bigcache_page_small(store, put, draft);
}


void
bigcache_page_done(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_draft_t *draft, int kept)
{
    if (draft->placed) {
        bigcache_segments_done(store->segments, &draft->place,
                        kept ? bigcache_page_size(key, &draft->record) : 0);
        draft->placed = 0;
    }

    free(draft->memory);
    draft->memory = NULL;
}


bigcache_rc_t
bigcache_page_read(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_page_t *page)
{
    int                  fd;
    size_t               size;
    uint32_t             crc;
    bigcache_rc_t        rc;
    bigcache_record_t   *record;
    bigcache_segment_t  *segment;

    record = &page->record;

    if (!(record->flags & BIGCACHE_FLAG_SEGMENT)) {
        return BIGCACHE_OK;
    }

    rc = bigcache_segments_acquire(store->segments, record->segment,
                                   &segment, &fd);

    if (rc == BIGCACHE_ERROR) {
        return bigcache_store_failed(store, rc, "open a segment",
                                     strerror(errno));
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    size = bigcache_entry_head_size(key->len, record->type.len);
    page->offset = (off_t) (record->offset + size);

    if (record->length <= BIGCACHE_STORE_LARGE) {
        size += (size_t) record->length;
    }

    rc = bigcache_page_load(key, page, fd, size, &crc);

    if (rc == BIGCACHE_OK && record->length > BIGCACHE_STORE_LARGE) {

        page->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        rc = (page->fd == -1)
             ? bigcache_store_failed(store, BIGCACHE_ERROR, "open a page",
                                     strerror(errno))
             : bigcache_page_verify(store, page, crc);
    }

    bigcache_segments_release(store->segments, segment);

    return rc;
}


bigcache_rc_t
bigcache_page_file(bigcache_store_t *store, const bigcache_draft_t *draft,
    const bigcache_str_t *key, bigcache_page_t *page)
{
    if (draft->record.length <= BIGCACHE_STORE_LARGE) {
        return BIGCACHE_OK;
    }

    page->offset = draft->place.offset
                   + (off_t) bigcache_entry_head_size(key->len,
                                                draft->record.type.len);

    page->fd = fcntl(draft->place.fd, F_DUPFD_CLOEXEC, 0);

    if (page->fd == -1) {
        return bigcache_store_failed(store, BIGCACHE_ERROR, "open a page",
                                     strerror(errno));
    }

    return BIGCACHE_OK;
}


uint64_t
bigcache_page_size(const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    if (!(record->flags & BIGCACHE_FLAG_SEGMENT)) {
        return 0;
    }

    return bigcache_entry_size(key->len, record->type.len, record->length);
}


/* in one piece of memory, in front of it room for what stands there */

static bigcache_rc_t
bigcache_page_small(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    size_t          head;
    u_char         *memory;
    bigcache_rc_t   rc;

    head = bigcache_entry_head_size(put->key.len, put->type.len);

    memory = malloc(head + (size_t) draft->record.length
                    + BIGCACHE_SEGMENT_ALIGN);
    if (memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (bigcache_data_read(memory + head, put->data, put->n) == -1) {
        free(memory);
        return bigcache_store_failed(store, BIGCACHE_ERROR, "read a body",
                                     strerror(errno));
    }

    rc = bigcache_page_pack(store, draft, &memory, head);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_page_fits(store, draft->record.length)
             ? bigcache_page_inline(put, draft, memory + head)
             : bigcache_page_append(store, put, draft, memory);
    }

    free(memory);

    return rc;
}


static bigcache_rc_t
bigcache_page_pack(bigcache_store_t *store, bigcache_draft_t *draft,
    u_char **memory, size_t head)
{
    size_t              len, packed;
    u_char             *buf;
    bigcache_record_t  *record;

    record = &draft->record;
    len = (size_t) record->length;

    if (len < store->conf.gzip_min || len == 0) {
        return BIGCACHE_OK;
    }

    buf = malloc(head + len + BIGCACHE_SEGMENT_ALIGN);
    if (buf == NULL) {
        return BIGCACHE_NOMEM;
    }

    packed = bigcache_gzip_pack(buf + head, *memory + head, len);

    if (packed == 0) {
        free(buf);
        return BIGCACHE_OK;
    }

    free(*memory);
    *memory = buf;

    record->length = packed;
    record->flags |= BIGCACHE_FLAG_GZIP;

    return BIGCACHE_OK;
}


/*
 * Tells whether a body of that length is to lie in the index, whose room is
 * then so much less, until it is looked at again.
 */

static int
bigcache_page_fits(bigcache_store_t *store, uint64_t length)
{
    if (length == 0) {
        return 1;
    }

    return length <= store->conf.inline_size
           && atomic_fetch_sub(&store->inline_room, (int64_t) length)
              >= (int64_t) length;
}


static bigcache_rc_t
bigcache_page_inline(const bigcache_put_t *put, bigcache_draft_t *draft,
    const u_char *body)
{
    u_char  *p;

    (void) put;

    draft->value.len = bigcache_record_size(&draft->record);

    draft->memory = malloc(draft->value.len);
    if (draft->memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    draft->value.data = draft->memory;

    p = bigcache_record_encode(draft->memory, &draft->record);
    memcpy(p, body, (size_t) draft->record.length);

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_page_append(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_draft_t *draft, u_char *memory)
{
    size_t             head, len;
    uint64_t           size;
    bigcache_rc_t      rc;
    bigcache_data_t    data;
    bigcache_entry_t   entry;

    rc = bigcache_page_reserve(store, put, draft);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    size = bigcache_page_size(&put->key, &draft->record);
    head = bigcache_entry_head_size(put->key.len, put->type.len);
    len = (size_t) draft->record.length;

    entry.record = draft->record;
    entry.key = put->key;
    entry.body_crc = bigcache_crc32(0, memory + head, len);

    (void) bigcache_entry_encode(memory, &entry);
    memset(memory + head + len, 0, (size_t) size - head - len);

    data = bigcache_data_bytes(memory, (size_t) size);

    if (bigcache_data_write(draft->place.fd, draft->place.offset, &data, 1,
                            NULL)
        == -1)
    {
        return bigcache_page_failed(store, draft);
    }

    return BIGCACHE_OK;
}


/* the head comes last: an entry that was not finished has none */

static bigcache_rc_t
bigcache_page_large(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    off_t              offset;
    size_t             head;
    u_char            *memory;
    uint64_t           size;
    uint32_t           crc;
    bigcache_rc_t      rc;
    bigcache_data_t    data, pad;
    bigcache_entry_t   entry;

    static const u_char  zeroes[BIGCACHE_SEGMENT_ALIGN];

    rc = bigcache_page_reserve(store, put, draft);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    crc = 0;
    head = bigcache_entry_head_size(put->key.len, put->type.len);
    size = bigcache_page_size(&put->key, &draft->record);
    offset = draft->place.offset + (off_t) head;

    memory = malloc(head);
    if (memory == NULL) {
        errno = ENOMEM;
        return bigcache_page_failed(store, draft);
    }

    pad = bigcache_data_bytes(zeroes,
                              (size_t) (size - head - draft->record.length));

    if (bigcache_data_write(draft->place.fd, offset, put->data, put->n, &crc)
        == -1
        || bigcache_data_write(draft->place.fd,
                               offset + (off_t) draft->record.length, &pad, 1,
                               NULL)
           == -1)
    {
        goto failed;
    }

    entry.record = draft->record;
    entry.key = put->key;
    entry.body_crc = crc;

    (void) bigcache_entry_encode(memory, &entry);
    data = bigcache_data_bytes(memory, head);

    if (bigcache_data_write(draft->place.fd, draft->place.offset, &data, 1,
                            NULL)
        == -1)
    {
        goto failed;
    }

    free(memory);

    return BIGCACHE_OK;

failed:

    rc = bigcache_page_failed(store, draft);
    free(memory);

    return rc;
}


static bigcache_rc_t
bigcache_page_reserve(bigcache_store_t *store, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_rc_t       rc;
    bigcache_record_t  *record;

    record = &draft->record;
    record->flags |= BIGCACHE_FLAG_SEGMENT;

    /* of the beginning of the write; the index has that of its end */

    record->version = bigcache_store_version(store);

    draft->value.len = bigcache_record_size(record);

    draft->memory = malloc(draft->value.len);
    if (draft->memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    draft->value.data = draft->memory;

    rc = bigcache_segments_reserve(store->segments,
                                   bigcache_page_size(&put->key, record),
                                   &draft->place);

    if (rc != BIGCACHE_OK) {
        rc = bigcache_store_failed(store, rc, "begin a segment",
                                   strerror(errno));
        free(draft->memory);
        draft->memory = NULL;

        return rc;
    }

    draft->placed = 1;

    /* a new segment is a reason to look at the limits */

    if (atomic_exchange(&store->newest, draft->place.id) != draft->place.id) {
        bigcache_store_wake(store);
    }

    record->segment = draft->place.id;
    record->offset = (uint64_t) draft->place.offset;

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_page_failed(bigcache_store_t *store, bigcache_draft_t *draft)
{
    int  err;

    static const bigcache_str_t  none = bigcache_string("");

    err = errno;

    bigcache_page_done(store, &none, draft, 0);

    return bigcache_store_failed(store,
                                 (err == ENOSPC || err == EDQUOT)
                                 ? BIGCACHE_FULL : BIGCACHE_ERROR,
                                 "write a page", strerror(err));
}


/*
 * Reads the first size bytes of the entry, the head or all of it, and checks
 * that it is the one that the record means; *crc is that of the body.
 */

static bigcache_rc_t
bigcache_page_load(const bigcache_str_t *key, bigcache_page_t *page, int fd,
    size_t size, uint32_t *crc)
{
    size_t              head;
    bigcache_data_t     data;
    bigcache_entry_t    entry;
    bigcache_record_t  *record;

    record = &page->record;

    page->memory = malloc(size);
    if (page->memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    data = bigcache_data_range(fd, (off_t) record->offset, size);

    if (bigcache_data_read(page->memory, &data, 1) == -1) {
        return (errno == EIO) ? BIGCACHE_DAMAGED : BIGCACHE_ERROR;
    }

    if (bigcache_entry_decode(&entry, page->memory, size) != 0
        || entry.key.len != key->len
        || memcmp(entry.key.data, key->data, key->len) != 0
        || entry.record.type.len != record->type.len
        || entry.record.length != record->length)
    {
        return BIGCACHE_DAMAGED;
    }

    *crc = entry.body_crc;
    record->type = entry.record.type;

    head = bigcache_entry_head_size(key->len, record->type.len);

    if (size > head || record->length == 0) {

        record->body.data = page->memory + head;
        record->body.len = size - head;

        if (bigcache_crc32(0, record->body.data, record->body.len) != *crc) {
            return BIGCACHE_DAMAGED;
        }
    }

    return BIGCACHE_OK;
}


/* reading all of a large page for each request would be too much */

static bigcache_rc_t
bigcache_page_verify(bigcache_store_t *store, bigcache_page_t *page,
    uint32_t expected)
{
    int                   known;
    size_t                i;
    uint32_t              crc;
    bigcache_data_t       data;
    bigcache_record_t    *record;
    bigcache_verified_t  *verified;

    record = &page->record;
    verified = &store->verified;

    i = (size_t) ((record->segment * 31 + record->offset / 4096)
                  % BIGCACHE_VERIFIED);

    (void) pthread_mutex_lock(&verified->mutex);

    known = (verified->elts[i].segment == record->segment
             && verified->elts[i].offset == record->offset);

    (void) pthread_mutex_unlock(&verified->mutex);

    if (known) {
        return BIGCACHE_OK;
    }

    crc = 0;
    data = bigcache_data_range(page->fd, page->offset, record->length);

    if (bigcache_data_crc(&data, 1, &crc) == -1) {
        return (errno == EIO) ? BIGCACHE_DAMAGED : BIGCACHE_ERROR;
    }

    if (crc != expected) {
        return BIGCACHE_DAMAGED;
    }

    (void) pthread_mutex_lock(&verified->mutex);

    verified->elts[i].segment = record->segment;
    verified->elts[i].offset = record->offset;

    (void) pthread_mutex_unlock(&verified->mutex);

    return BIGCACHE_OK;
}
