
/*
 * Copyright (C) bigcache contributors
 */


/* The consistent hash of nginx's "hash KEY consistent". */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "bigcache_bytes.h"
#include "bigcache_ring.h"


#define BIGCACHE_RING_POINTS  160

/* tries to find a key for a server, whose part of the ring may be small */

#define BIGCACHE_RING_TRIES   10000000


static uint32_t bigcache_ring_base(const bigcache_str_t *name);
static size_t bigcache_ring_host(const bigcache_str_t *name);
static int bigcache_ring_compare(const void *one, const void *two);
static void bigcache_ring_unique(bigcache_ring_t *ring);


size_t
bigcache_ring_size(const bigcache_ring_server_t *servers, size_t n)
{
    size_t  i, points;

    points = 0;

    for (i = 0; i < n; i++) {
        points += (size_t) servers[i].weight * BIGCACHE_RING_POINTS;
    }

    return sizeof(bigcache_ring_t) + points * sizeof(bigcache_ring_point_t);
}


void
bigcache_ring_make(bigcache_ring_t *ring,
    const bigcache_ring_server_t *servers, size_t n)
{
    size_t                  i, j;
    uint32_t                base, hash;
    unsigned char           previous[4];
    bigcache_ring_point_t  *point;

    ring->n = 0;

    for (i = 0; i < n; i++) {

        base = bigcache_ring_base(&servers[i].name);
        hash = 0;

        for (j = 0; j < (size_t) servers[i].weight * BIGCACHE_RING_POINTS; j++)
        {
            bigcache_put32(previous, hash);
            hash = libdeflate_crc32(base, previous, sizeof(previous));

            point = &ring->points[ring->n++];
            point->hash = hash;
            point->server = (uint32_t) i;
        }
    }

    qsort(ring->points, ring->n, sizeof(bigcache_ring_point_t),
          bigcache_ring_compare);

    bigcache_ring_unique(ring);
}


/* CRC-32 of the host, a zero byte, and the port, all as they are written */

static uint32_t
bigcache_ring_base(const bigcache_str_t *name)
{
    size_t                len, skip;
    uint32_t              base;

    static const char     zero;

    skip = (name->len >= 5 && strncasecmp((const char *) name->data, "unix:", 5)
                              == 0)
           ? 5 : 0;
    len = skip ? name->len : bigcache_ring_host(name);

    base = libdeflate_crc32(0, name->data + skip, len - skip);
    base = libdeflate_crc32(base, &zero, 1);

    if (len < name->len) {
        len++;
        base = libdeflate_crc32(base, name->data + len, name->len - len);
    }

    return base;
}


/* returns the length of the name in front of the colon and the port, if any */

static size_t
bigcache_ring_host(const bigcache_str_t *name)
{
    size_t         i;
    unsigned char  c;

    for (i = name->len; i > 0; i--) {
        c = name->data[i - 1];

        if (c == ':') {
            return i - 1;
        }

        if (c < '0' || c > '9') {
            break;
        }
    }

    return name->len;
}


static int
bigcache_ring_compare(const void *one, const void *two)
{
    const bigcache_ring_point_t *a = one;
    const bigcache_ring_point_t *b = two;

    if (a->hash != b->hash) {
        return (a->hash < b->hash) ? -1 : 1;
    }

    /* the sort of nginx keeps the order of equal points */

    return (a->server < b->server) ? -1 : (a->server > b->server);
}


/* of equal points the first one stays */

static void
bigcache_ring_unique(bigcache_ring_t *ring)
{
    size_t  i, j;

    if (ring->n == 0) {
        return;
    }

    for (i = 0, j = 1; j < ring->n; j++) {
        if (ring->points[i].hash != ring->points[j].hash) {
            ring->points[++i] = ring->points[j];
        }
    }

    ring->n = i + 1;
}


size_t
bigcache_ring_find(const bigcache_ring_t *ring, const bigcache_str_t *key)
{
    size_t    low, high, middle;
    uint32_t  hash;

    hash = libdeflate_crc32(0, key->data, key->len);

    low = 0;
    high = ring->n;

    while (low < high) {
        middle = (low + high) / 2;

        if (ring->points[middle].hash < hash) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return ring->points[low % ring->n].server;
}


size_t
bigcache_ring_key(const bigcache_ring_t *ring, size_t server, char *key)
{
    unsigned        i;
    bigcache_str_t  text;

    text.data = (unsigned char *) key;

    for (i = 0; i < BIGCACHE_RING_TRIES; i++) {
        text.len = (size_t) snprintf(key, BIGCACHE_RING_KEY, "%u", i);

        if (bigcache_ring_find(ring, &text) == server) {
            return text.len;
        }
    }

    return 0;
}
