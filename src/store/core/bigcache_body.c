
/*
 * Copyright (C) bigcache contributors
 */


/* packs bodies, writes them to segments, reads them back and checks them */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_body.h"
#include "bigcache_crc.h"
#include "bigcache_gzip.h"
#include "bigcache_time.h"


/* a reader of a large body asks once after so many bytes whether to give up */

#define BIGCACHE_BODY_SLICE  (1024 * 1024)


typedef struct {
    bigcache_body_stop_pt   handler;
    void                   *data;
} bigcache_body_stop_t;

/* a body in memory: of the caller, or joined, for free() */

typedef struct {
    const bigcache_data_t  *data;
    unsigned                n;
    bigcache_data_t         joined;
    u_char                 *memory;
} bigcache_body_pieces_t;


static int bigcache_body_entry(const bigcache_str_t *key, size_t len,
    size_t size, bigcache_stored_t *page, uint32_t *crc);
static bigcache_rc_t bigcache_body_small(bigcache_bodies_t *bodies,
    const bigcache_put_t *put, bigcache_draft_t *draft);
static int bigcache_body_in_memory(const bigcache_put_t *put);
static bigcache_rc_t bigcache_body_join(bigcache_bodies_t *bodies,
    bigcache_draft_t *draft, bigcache_body_pieces_t *pieces);
static void bigcache_body_joined(bigcache_body_pieces_t *pieces,
    u_char *memory, size_t len);
static bigcache_rc_t bigcache_body_pack(bigcache_bodies_t *bodies,
    bigcache_draft_t *draft, bigcache_body_pieces_t *pieces);
static bigcache_rc_t bigcache_body_empty(bigcache_draft_t *draft);
static bigcache_rc_t bigcache_body_append(bigcache_bodies_t *bodies,
    const bigcache_put_t *put, bigcache_draft_t *draft,
    const bigcache_body_pieces_t *pieces);
static bigcache_rc_t bigcache_body_large(bigcache_bodies_t *bodies,
    const bigcache_put_t *put, bigcache_draft_t *draft);
static bigcache_rc_t bigcache_body_reserve(bigcache_bodies_t *bodies,
    const bigcache_put_t *put, bigcache_draft_t *draft);
static bigcache_rc_t bigcache_body_unwritten(bigcache_bodies_t *bodies,
    bigcache_draft_t *draft);
static bigcache_rc_t bigcache_body_inside(bigcache_bodies_t *bodies,
    bigcache_rc_t rc);
static bigcache_rc_t bigcache_body_fetch(bigcache_bodies_t *bodies,
    const bigcache_str_t *key, int body, const bigcache_body_stop_t *stop,
    bigcache_stored_t *page);
static bigcache_rc_t bigcache_body_load(bigcache_bodies_t *bodies,
    const bigcache_str_t *key, bigcache_stored_t *page, int fd, size_t size,
    uint32_t *crc);
static bigcache_rc_t bigcache_body_verify(bigcache_bodies_t *bodies,
    bigcache_stored_t *page, int body, const bigcache_body_stop_t *stop,
    uint32_t expected);
static bigcache_rc_t bigcache_body_sum(bigcache_bodies_t *bodies,
    const bigcache_stored_t *page, const bigcache_body_stop_t *stop,
    uint32_t *crc);
static bigcache_rc_t bigcache_body_unread(bigcache_bodies_t *bodies);


/* behind a body, up to the next entry */

static const u_char  bigcache_body_zeroes[BIGCACHE_SEGMENT_ALIGN];


void
bigcache_body_init(bigcache_bodies_t *bodies)
{
    (void) pthread_mutex_init(&bodies->verified.mutex, NULL);
}


void
bigcache_body_destroy(bigcache_bodies_t *bodies)
{
    (void) pthread_mutex_destroy(&bodies->verified.mutex);
}


void
bigcache_body_reset(bigcache_bodies_t *bodies)
{
    (void) pthread_mutex_lock(&bodies->verified.mutex);
    memset(bodies->verified.elts, 0, sizeof(bodies->verified.elts));
    (void) pthread_mutex_unlock(&bodies->verified.mutex);
}


bigcache_rc_t
bigcache_body_write(bigcache_bodies_t *bodies, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_record_t  *record;

    memset(draft, 0, sizeof(bigcache_draft_t));

    record = &draft->record;

    record->kind = put->kind;
    record->head = put->head;
    record->expire = put->expire;
    record->type = put->type;
    record->tag = put->tag;
    record->length = bigcache_data_length(put->data, put->n);
    record->unpacked = record->length;

    if (put->unpacked) {
        record->flags |= BIGCACHE_FLAG_GZIP;
        record->unpacked = put->unpacked;
    }

    if (put->origin) {
        record->flags |= BIGCACHE_FLAG_REWRITTEN;
        record->origin = put->origin;
    }

    if (put->fresh) {
        record->flags |= BIGCACHE_FLAG_FRESH;

        /* all times before 1970 are alike; a record has none of them */

        record->fresh = (put->fresh > 0) ? put->fresh : 1;
    }

    if (put->tags.len) {
        record->flags |= BIGCACHE_FLAG_TAGGED;
        record->tags = put->tags;
    }

    draft->fetched = put->fetched;

    return (record->length > BIGCACHE_PAGE_LARGE)
           ? bigcache_body_large(bodies, put, draft)
           : bigcache_body_small(bodies, put, draft);
}


void
bigcache_body_done(bigcache_bodies_t *bodies, bigcache_draft_t *draft)
{
    if (draft->placed) {
        bodies->done(bodies->data, &draft->place);
        draft->placed = 0;
    }

    free(draft->memory);
    draft->memory = NULL;
}


bigcache_rc_t
bigcache_body_read(bigcache_bodies_t *bodies, const bigcache_str_t *key,
    int body, bigcache_stored_t *page)
{
    return bigcache_body_inside(bodies,
                                bigcache_body_read_outside(bodies, key, body,
                                                           page));
}


bigcache_rc_t
bigcache_body_probe(bigcache_bodies_t *bodies, const bigcache_str_t *key,
    bigcache_body_stop_pt stop, void *data, bigcache_stored_t *page)
{
    bigcache_body_stop_t  asked;

    asked.handler = stop;
    asked.data = data;

    return bigcache_body_inside(bodies,
                                bigcache_body_fetch(bodies, key, BIGCACHE_BODY,
                                                    &asked, page));
}


bigcache_rc_t
bigcache_body_read_outside(bigcache_bodies_t *bodies, const bigcache_str_t *key,
    int body, bigcache_stored_t *page)
{
    return bigcache_body_fetch(bodies, key, body, NULL, page);
}


/* inside the store the directory of segments must exist */

static bigcache_rc_t
bigcache_body_inside(bigcache_bodies_t *bodies, bigcache_rc_t rc)
{
    return (rc == BIGCACHE_STALE)
           ? bigcache_log_failed(&bodies->conf->log, bodies->conf->path,
                                 BIGCACHE_ERROR, "open a segment",
                                 "the directory \"pages\" is not there, or is "
                                 "another")
           : rc;
}


static bigcache_rc_t
bigcache_body_fetch(bigcache_bodies_t *bodies, const bigcache_str_t *key,
    int body, const bigcache_body_stop_t *stop, bigcache_stored_t *page)
{
    int                 fd;
    size_t              size;
    uint32_t            crc;
    bigcache_rc_t       rc;
    bigcache_file_t    *file;
    bigcache_record_t  *record;

    record = &page->record;

    if (!(record->flags & BIGCACHE_FLAG_SEGMENT)) {
        return BIGCACHE_OK;
    }

    rc = bigcache_files_acquire(bodies->files, record->segment, &file, &fd);

    if (rc == BIGCACHE_ERROR) {
        return bigcache_log_failed(&bodies->conf->log, bodies->conf->path, rc,
                                   "open a segment", strerror(errno));
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    size = bigcache_segment_entry_header(key->len, record);
    page->offset = (off_t) (record->offset + size);

    if (record->length <= BIGCACHE_PAGE_LARGE) {
        size += (size_t) record->length;
    }

    rc = bigcache_body_load(bodies, key, page, fd, size, &crc);

    if (rc == BIGCACHE_OK && record->length > BIGCACHE_PAGE_LARGE) {

        page->fd = bigcache_files_in_order(fd);

        rc = (page->fd == -1)
             ? bigcache_log_failed(&bodies->conf->log, bodies->conf->path,
                                   BIGCACHE_ERROR, "open a page",
                                   strerror(errno))
             : bigcache_body_verify(bodies, page, body, stop, crc);
    }

    bigcache_files_release(bodies->files, file);

    return rc;
}


int
bigcache_body_wanted(int body, const bigcache_record_t *record)
{
    return body == BIGCACHE_BODY
           || body == BIGCACHE_BODY_KNOWN
           || (body == BIGCACHE_BODY_SMALL
               && record->length <= BIGCACHE_PAGE_LARGE);
}


bigcache_rc_t
bigcache_body_head(bigcache_bodies_t *bodies, const bigcache_str_t *key,
    bigcache_stored_t *page)
{
    int               fd;
    uint32_t          crc;
    bigcache_rc_t     rc;
    bigcache_file_t  *file;

    rc = bigcache_files_acquire(bodies->files, page->record.segment, &file,
                                &fd);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    rc = bigcache_body_load(bodies, key, page, fd,
                            bigcache_segment_entry_header(key->len,
                                                          &page->record),
                            &crc);

    bigcache_files_release(bodies->files, file);

    return rc;
}


bigcache_rc_t
bigcache_body_file(bigcache_bodies_t *bodies, const bigcache_draft_t *draft,
    const bigcache_str_t *key, bigcache_stored_t *page)
{
    if (draft->record.length <= BIGCACHE_PAGE_LARGE) {
        return BIGCACHE_OK;
    }

    page->offset = draft->place.offset
                   + (off_t) bigcache_segment_entry_header(key->len,
                                                           &draft->record);

    page->fd = fcntl(draft->place.fd, F_DUPFD_CLOEXEC, 0);

    if (page->fd == -1) {
        return bigcache_log_failed(&bodies->conf->log, bodies->conf->path,
                                   BIGCACHE_ERROR, "open a page",
                                   strerror(errno));
    }

    return BIGCACHE_OK;
}


int
bigcache_body_parse(const bigcache_str_t *key, size_t size, int check,
    bigcache_stored_t *page)
{
    uint32_t         crc;
    bigcache_str_t  *body;

    if (bigcache_body_entry(key, size, size, page, &crc) != 1) {
        return 0;
    }

    body = &page->record.body;

    body->len = (size_t) page->record.length;
    body->data = page->memory + size - body->len;

    return !check || bigcache_crc(0, body->data, body->len) == crc;
}


int
bigcache_body_parse_head(const bigcache_str_t *key, size_t len, size_t size,
    bigcache_stored_t *page)
{
    uint32_t  crc;

    return bigcache_body_entry(key, len, size, page, &crc);
}


static int
bigcache_body_entry(const bigcache_str_t *key, size_t len, size_t size,
    bigcache_stored_t *page, uint32_t *crc)
{
    int               rc;
    size_t            head;
    bigcache_entry_t  entry;

    rc = bigcache_segment_decode(&entry, page->memory, len);

    if (rc != 0) {
        return (rc == 1) ? -1 : 0;
    }

    head = bigcache_segment_entry_header(entry.key.len, &entry.record);

    if (!bigcache_str_equal(&entry.key, key)
        || head > size
        || entry.record.length != size - head)
    {
        return 0;
    }

    page->record = entry.record;
    page->record.flags |= BIGCACHE_FLAG_SEGMENT;

    *crc = entry.body_crc;

    return 1;
}


static bigcache_rc_t
bigcache_body_small(bigcache_bodies_t *bodies, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_rc_t           rc;
    bigcache_body_pieces_t  pieces;

    pieces.data = put->data;
    pieces.n = put->n;
    pieces.memory = NULL;

    rc = bigcache_body_in_memory(put)
         ? BIGCACHE_OK : bigcache_body_join(bodies, draft, &pieces);

    if (rc == BIGCACHE_OK && !put->unpacked && !put->plain) {
        rc = bigcache_body_pack(bodies, draft, &pieces);
    }

    if (rc == BIGCACHE_OK) {

        /* the head of a page is in its entry */

        rc = (draft->record.length || put->kind == BIGCACHE_KIND_PAGE)
             ? bigcache_body_append(bodies, put, draft, &pieces)
             : bigcache_body_empty(draft);
    }

    free(pieces.memory);

    return rc;
}


/* whether it can be written from where it lies, with two pieces around it */

static int
bigcache_body_in_memory(const bigcache_put_t *put)
{
    unsigned  i;

    for (i = 0; i < put->n; i++) {
        if (put->data[i].fd != -1) {
            return 0;
        }
    }

    return put->n <= BIGCACHE_DATA_GATHER - 2;
}


/* copies all pieces to one */

static bigcache_rc_t
bigcache_body_join(bigcache_bodies_t *bodies, bigcache_draft_t *draft,
    bigcache_body_pieces_t *pieces)
{
    size_t   len;
    u_char  *memory;

    len = (size_t) draft->record.length;

    memory = malloc(len ? len : 1);
    if (memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (bigcache_data_read(memory, pieces->data, pieces->n) == -1) {
        free(memory);
        return bigcache_log_failed(&bodies->conf->log, bodies->conf->path,
                                   BIGCACHE_ERROR, "read a body",
                                   strerror(errno));
    }

    bigcache_body_joined(pieces, memory, len);

    return BIGCACHE_OK;
}


static void
bigcache_body_joined(bigcache_body_pieces_t *pieces, u_char *memory,
    size_t len)
{
    free(pieces->memory);

    pieces->memory = memory;
    pieces->joined = bigcache_data_bytes(memory, len);
    pieces->data = &pieces->joined;
    pieces->n = 1;
}


static bigcache_rc_t
bigcache_body_pack(bigcache_bodies_t *bodies, bigcache_draft_t *draft,
    bigcache_body_pieces_t *pieces)
{
    size_t              len, packed;
    u_char             *buf;
    bigcache_rc_t       rc;
    bigcache_record_t  *record;

    record = &draft->record;
    len = (size_t) record->length;

    if (len < bodies->conf->gzip_min || len == 0) {
        return BIGCACHE_OK;
    }

    if (pieces->n != 1) {
        rc = bigcache_body_join(bodies, draft, pieces);

        if (rc != BIGCACHE_OK) {
            return rc;
        }
    }

    buf = malloc(len);
    if (buf == NULL) {
        return BIGCACHE_NOMEM;
    }

    packed = bigcache_gzip_pack(buf, pieces->data->bytes.data, len);

    if (packed == 0) {
        free(buf);
        return BIGCACHE_OK;
    }

    bigcache_body_joined(pieces, buf, packed);

    record->length = packed;
    record->flags |= BIGCACHE_FLAG_GZIP;

    return BIGCACHE_OK;
}


/* an empty page has no entry in a segment */

static bigcache_rc_t
bigcache_body_empty(bigcache_draft_t *draft)
{
    bigcache_rc_t  rc;

    rc = bigcache_record_bytes(&draft->record, &draft->value);

    if (rc == BIGCACHE_OK) {
        draft->memory = (u_char *) draft->value.data;
    }

    return rc;
}


/* writes the header, the body from where it lies, and what fills the entry */

static bigcache_rc_t
bigcache_body_append(bigcache_bodies_t *bodies, const bigcache_put_t *put,
    bigcache_draft_t *draft, const bigcache_body_pieces_t *pieces)
{
    int                rc;
    size_t             head;
    u_char            *memory;
    unsigned           i;
    uint64_t           size;
    bigcache_rc_t      reserved;
    bigcache_data_t    data[BIGCACHE_DATA_GATHER];
    bigcache_entry_t   entry;

    head = bigcache_segment_entry_header(put->key.len, &draft->record);

    memory = malloc(head);
    if (memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    reserved = bigcache_body_reserve(bodies, put, draft);

    if (reserved != BIGCACHE_OK) {
        free(memory);
        return reserved;
    }

    entry.record = draft->record;
    entry.key = put->key;
    entry.body_crc = 0;

    (void) bigcache_data_crc(pieces->data, pieces->n, &entry.body_crc);
    (void) bigcache_segment_encode(memory, &entry);

    size = bigcache_segment_page_size(&put->key, &draft->record);

    data[0] = bigcache_data_bytes(memory, head);

    for (i = 0; i < pieces->n; i++) {
        data[i + 1] = pieces->data[i];
    }

    data[i + 1] = bigcache_data_bytes(bigcache_body_zeroes,
                                      (size_t) (size - head
                                                - draft->record.length));

    rc = bigcache_data_gather(draft->place.fd, draft->place.offset, data,
                              i + 2);
    free(memory);

    return (rc == 0) ? BIGCACHE_OK : bigcache_body_unwritten(bodies, draft);
}


/* writes the header last: an entry that was not finished has none */

static bigcache_rc_t
bigcache_body_large(bigcache_bodies_t *bodies, const bigcache_put_t *put,
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

    rc = bigcache_body_reserve(bodies, put, draft);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    crc = 0;
    head = bigcache_segment_entry_header(put->key.len, &draft->record);
    size = bigcache_segment_page_size(&put->key, &draft->record);
    offset = draft->place.offset + (off_t) head;

    memory = malloc(head);
    if (memory == NULL) {
        errno = ENOMEM;
        return bigcache_body_unwritten(bodies, draft);
    }

    pad = bigcache_data_bytes(bigcache_body_zeroes,
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

    (void) bigcache_segment_encode(memory, &entry);
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

    rc = bigcache_body_unwritten(bodies, draft);
    free(memory);

    return rc;
}


static bigcache_rc_t
bigcache_body_reserve(bigcache_bodies_t *bodies, const bigcache_put_t *put,
    bigcache_draft_t *draft)
{
    bigcache_rc_t       rc;
    bigcache_record_t  *record;

    record = &draft->record;
    record->flags |= BIGCACHE_FLAG_SEGMENT;

    /*
     * the time at which the write began; the index has the version, given at
     * its end
     */

    record->version = (uint64_t) bigcache_time_now_us();

    draft->value.len = bigcache_record_size(record);

    draft->memory = malloc(draft->value.len);
    if (draft->memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    draft->value.data = draft->memory;

    rc = bodies->reserve(bodies->data,
                        bigcache_segment_page_size(&put->key, record),
                        &draft->place);

    if (rc != BIGCACHE_OK) {
        free(draft->memory);
        draft->memory = NULL;

        return rc;
    }

    draft->placed = 1;
    draft->reserved = 1;

    record->segment = draft->place.id;
    record->offset = (uint64_t) draft->place.offset;

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_body_unwritten(bigcache_bodies_t *bodies, bigcache_draft_t *draft)
{
    int  err;

    err = errno;

    bigcache_body_done(bodies, draft);

    return bigcache_log_failed(&bodies->conf->log, bodies->conf->path,
                               bigcache_rc_errno(err), "write a page",
                               strerror(err));
}


/*
 * Reads the first size bytes of the entry, which are its header or all of it,
 * and checks that they belong to the record.  Sets *crc to the checksum of the
 * body.
 */

static bigcache_rc_t
bigcache_body_load(bigcache_bodies_t *bodies, const bigcache_str_t *key,
    bigcache_stored_t *page, int fd, size_t size, uint32_t *crc)
{
    size_t              head;
    bigcache_data_t     data;
    bigcache_entry_t    entry;
    bigcache_record_t  *record;

    record = &page->record;

    free(page->memory);

    page->memory = malloc(size);
    if (page->memory == NULL) {
        return BIGCACHE_NOMEM;
    }

    data = bigcache_data_range(fd, (off_t) record->offset, size);

    if (bigcache_data_read(page->memory, &data, 1) == -1) {
        return bigcache_body_unread(bodies);
    }

    if (bigcache_segment_decode(&entry, page->memory, size) != 0
        || !bigcache_str_equal(&entry.key, key)
        || entry.record.type.len != record->type.len
        || entry.record.tags.len != record->tags.len
        || entry.record.fresh != record->fresh
        || entry.record.length != record->length)
    {
        return BIGCACHE_DAMAGED;
    }

    *crc = entry.body_crc;
    record->type = entry.record.type;
    record->tags = entry.record.tags;

    head = bigcache_segment_entry_header(key->len, record);

    if (size > head || record->length == 0) {

        record->body = bigcache_str(page->memory + head, size - head);

        if (bigcache_crc(0, record->body.data, record->body.len) != *crc) {
            return BIGCACHE_DAMAGED;
        }
    }

    return BIGCACHE_OK;
}


/* A large page is read for its checksum once, not for each request */

static bigcache_rc_t
bigcache_body_verify(bigcache_bodies_t *bodies, bigcache_stored_t *page,
    int body, const bigcache_body_stop_t *stop, uint32_t expected)
{
    int                   known;
    size_t                i;
    uint32_t              crc;
    bigcache_rc_t         rc;
    bigcache_record_t    *record;
    bigcache_verified_t  *verified;

    record = &page->record;
    verified = &bodies->verified;

    i = (size_t) ((record->segment * 31 + record->offset / 4096)
                  % BIGCACHE_VERIFIED);

    (void) pthread_mutex_lock(&verified->mutex);

    known = (verified->elts[i].segment == record->segment
             && verified->elts[i].offset == record->offset);

    (void) pthread_mutex_unlock(&verified->mutex);

    if (known) {
        return BIGCACHE_OK;
    }

    if (body == BIGCACHE_BODY_KNOWN) {
        return BIGCACHE_AGAIN;
    }

    rc = bigcache_body_sum(bodies, page, stop, &crc);

    if (rc != BIGCACHE_OK) {
        return rc;
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


/* sets *crc to the checksum of the body, which may be gigabytes long */

static bigcache_rc_t
bigcache_body_sum(bigcache_bodies_t *bodies, const bigcache_stored_t *page,
    const bigcache_body_stop_t *stop, uint32_t *crc)
{
    uint64_t         done, left, size;
    bigcache_data_t  data;

    *crc = 0;

    for (done = 0; done < page->record.length; done += size) {

        if (stop && stop->handler(stop->data)) {
            return BIGCACHE_UNAVAILABLE;
        }

        left = page->record.length - done;
        size = (left < BIGCACHE_BODY_SLICE) ? left : BIGCACHE_BODY_SLICE;

        data = bigcache_data_range(page->fd, page->offset + (off_t) done,
                                   size);

        if (bigcache_data_crc(&data, 1, crc) == -1) {
            return bigcache_body_unread(bodies);
        }
    }

    return BIGCACHE_OK;
}


/*
 * The call failed.  The page stays: a later read may succeed even if a block
 * of the disk is bad.  It cannot succeed if the file ends before the entry
 * does.
 */

static bigcache_rc_t
bigcache_body_unread(bigcache_bodies_t *bodies)
{
    return (errno == BIGCACHE_DATA_ENDED)
           ? BIGCACHE_DAMAGED
           : bigcache_log_failed(&bodies->conf->log, bodies->conf->path,
                                 BIGCACHE_ERROR, "read a page",
                                 strerror(errno));
}
