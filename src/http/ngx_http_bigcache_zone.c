
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The shared memory of a store, and what the store calls from its threads.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <sys/random.h>

#include "ngx_http_bigcache.h"
#include "bigcache_hash.h"
#include "bigcache_local.h"
#include "bigcache_memory.h"
#include "bigcache_time.h"


/*
 * The parts of a zone that removals, leases and the uses of pages have, and the
 * most bytes of each.
 */

#define NGX_HTTP_BIGCACHE_REMOVING_SHARE  32
#define NGX_HTTP_BIGCACHE_LEASE_SHARE     8
#define NGX_HTTP_BIGCACHE_USES_SHARE      16
#define NGX_HTTP_BIGCACHE_REST_SHARE      16
#define NGX_HTTP_BIGCACHE_SHARE_MAX       (1024 * 1024)


static ngx_http_bigcache_zone_t *ngx_http_bigcache_zone_former(
    ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone);
static void ngx_http_bigcache_zone_say(ngx_http_bigcache_zone_t *zone,
    ngx_log_t *log);
static void ngx_http_bigcache_init_pages(ngx_slab_pool_t *shpool,
    ngx_http_bigcache_shm_t *shm);
static void *ngx_http_bigcache_share(ngx_slab_pool_t *shpool, size_t share,
    size_t *size);
static void ngx_http_bigcache_seed(uint64_t seed[2]);
static void ngx_http_bigcache_init_history(ngx_slab_pool_t *shpool,
    ngx_http_bigcache_shm_t *shm);
static void ngx_http_bigcache_init_servers(ngx_http_bigcache_zone_t *zone,
    ngx_slab_pool_t *shpool);
static void ngx_http_bigcache_init_hot(ngx_slab_pool_t *shpool,
    ngx_http_bigcache_shm_t *shm);
static void ngx_http_bigcache_log(void *data, int level, const char *text);


ngx_http_bigcache_zone_t *
ngx_http_bigcache_zone_create(ngx_conf_t *cf)
{
    bigcache_local_conf_t     *conf;
    ngx_http_bigcache_zone_t  *zone;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     zone->shm_zone = NULL;
     *     zone->thread_pool = NULL;
     *     zone->cache = NULL;
     */

    conf = ngx_pcalloc(cf->pool, sizeof(bigcache_local_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    zone->cycle = cf->cycle;

    conf->store.log = ngx_http_bigcache_zone_log(zone);
    conf->store.removed = ngx_http_bigcache_zone_removed;
    conf->store.data = zone;

    zone->conf = conf;

    return zone;
}


/*
 * nginx keeps a zone at a reload only if its size is the same.  The memory of
 * the machine, the limit of its control group and the number of stores may be
 * others by then, so what was chosen once stays.
 */

void
ngx_http_bigcache_zone_sizes(ngx_conf_t *cf, ngx_array_t *zones)
{
    size_t                      size;
    unsigned                    n;
    ngx_uint_t                  i;
    ngx_http_bigcache_zone_t  **zone, *former;

    zone = zones->elts;
    n = 0;

    for (i = 0; i < zones->nelts; i++) {
        n += zone[i]->sized;
    }

    if (n == 0) {
        return;
    }

    size = bigcache_hot_size(bigcache_memory("", bigcache_memory_machine()), n);

    for (i = 0; i < zones->nelts; i++) {

        if (!zone[i]->sized) {
            continue;
        }

        former = ngx_http_bigcache_zone_former(cf, zone[i]);

        zone[i]->shm_zone->shm.size = former ? former->shm_zone->shm.size
                                             : size;
    }
}


/* the same zone before the reload, if its size was chosen then, or NULL */

static ngx_http_bigcache_zone_t *
ngx_http_bigcache_zone_former(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone)
{
    ngx_uint_t                 i;
    ngx_list_part_t           *part;
    ngx_shm_zone_t            *shm_zone;
    ngx_http_bigcache_zone_t  *former;

    for (part = &cf->cycle->old_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        shm_zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            /* another build of the module has another tag */

            if (shm_zone[i].tag != &ngx_http_bigcache_module
                || shm_zone[i].data == NULL
                || shm_zone[i].shm.name.len != zone->name.len
                || ngx_strncmp(shm_zone[i].shm.name.data, zone->name.data,
                               zone->name.len)
                   != 0)
            {
                continue;
            }

            former = shm_zone[i].data;

            return former->sized ? former : NULL;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_bigcache_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_bigcache_zone_t *ozone = data;

    ngx_slab_pool_t           *shpool;
    ngx_http_bigcache_zone_t  *zone;

    zone = shm_zone->data;

    if (ozone && ngx_process == NGX_PROCESS_SINGLE) {

        /* without a master nginx restarts neither thread pools nor modules */

        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "bigcache cannot be reloaded with "
                      "\"master_process off\", restart nginx instead");
        return NGX_ERROR;
    }

    if (ozone) {
        zone->shm = ozone->shm;

        /* a reload opens a store that POST /close has closed */

        atomic_store(&zone->shm->shared.closed, 0);

        ngx_http_bigcache_init_servers(zone,
                                       (ngx_slab_pool_t *) shm_zone->shm.addr);

    } else {
        shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

        if (!shm_zone->shm.exists) {
            shpool->data = ngx_slab_calloc(shpool,
                                           sizeof(ngx_http_bigcache_shm_t));
            if (shpool->data == NULL) {
                return NGX_ERROR;
            }

            ngx_http_bigcache_init_pages(shpool, shpool->data);

            if (shm_zone->shm.size >= NGX_HTTP_BIGCACHE_HISTORY_MIN) {
                ngx_http_bigcache_init_history(shpool, shpool->data);
            }

            if (zone->conf) {
                ngx_http_bigcache_init_hot(shpool, shpool->data);
            }
        }

        zone->shm = shpool->data;

        ngx_http_bigcache_init_servers(zone, shpool);

        if (zone->conf) {
            ngx_http_bigcache_zone_say(zone, shm_zone->shm.log);
        }
    }

    /* another engine learns this in its own file */

    if (zone->conf == NULL) {
        return NGX_OK;
    }

    zone->conf->store.shared = &zone->shm->shared;

    if (zone->shm->hot == NULL) {

        if (ozone && ozone->cluster) {
            ngx_log_error(NGX_LOG_NOTICE, shm_zone->shm.log, 0,
                          "bigcache zone \"%V\" was that of a cluster, it has "
                          "no hot index until nginx is restarted",
                          &zone->name);
        }

        return NGX_OK;
    }

    /* old workers may still use the hot index for the former directory */

    if (ozone
        && (ozone->hot.shm == NULL
            || ozone->path.len != zone->path.len
            || ngx_memcmp(ozone->path.data, zone->path.data, zone->path.len)
               != 0))
    {
        ngx_log_error(NGX_LOG_NOTICE, shm_zone->shm.log, 0,
                      "bigcache zone \"%V\" belongs to another directory now, "
                      "its hot index is not used until nginx is restarted",
                      &zone->name);
        return NGX_OK;
    }

    zone->hot.shm = zone->shm->hot;
    zone->conf->store.hot = &zone->hot;

    return NGX_OK;
}


static void
ngx_http_bigcache_zone_say(ngx_http_bigcache_zone_t *zone, ngx_log_t *log)
{
    bigcache_hot_t        hot;
    bigcache_hot_stat_t   stat;

    if (ngx_test_config) {
        return;
    }

    ngx_memzero(&hot, sizeof(bigcache_hot_t));
    ngx_memzero(&stat, sizeof(bigcache_hot_stat_t));

    hot.shm = zone->shm->hot;

    if (hot.shm) {
        bigcache_hot_stat(&hot, &stat);
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "bigcache zone \"%V\" has %Lk, %s, room for the places of "
                  "%L pages", &zone->name,
                  (int64_t) zone->shm_zone->shm.size / 1024,
                  ngx_http_bigcache_zone_sized(zone), (int64_t) stat.room);
}


const char *
ngx_http_bigcache_zone_sized(ngx_http_bigcache_zone_t *zone)
{
    return zone->sized ? "by the memory of the machine" : "as it is given";
}


ngx_http_bigcache_removing_t *
ngx_http_bigcache_zone_removing(ngx_http_bigcache_zone_t *zone,
    const ngx_str_t *key)
{
    size_t         len;
    const u_char  *end;

    len = key->len;

    /* a variant of a page is removed with its URL, see ../pages */

    if (len && key->data[0] == BIGCACHE_PAGE_KEY) {
        end = memchr(key->data + 1, '\0', len - 1);
        len = end ? (size_t) (end - key->data) : len;
    }

    return &zone->shm->removing[bigcache_hash(0, key->data, len)
                                % zone->shm->nremoving];
}


ngx_http_bigcache_removing_t *
ngx_http_bigcache_zone_removing_group(ngx_http_bigcache_zone_t *zone,
    ngx_str_t *site, const u_char *tag, size_t len)
{
    uint64_t  hash;

    hash = bigcache_hash(0, site->data, site->len);
    hash = bigcache_hash(hash, tag, len);

    return &zone->shm->removing[hash % zone->shm->nremoving];
}


uint64_t
ngx_http_bigcache_zone_removals(ngx_http_bigcache_zone_t *zone,
    const ngx_str_t *key)
{
    ngx_http_bigcache_removing_t  *removing;

    removing = ngx_http_bigcache_zone_removing(zone, key);

    return atomic_load(&removing->removals)
           + atomic_load(&zone->shm->purges)
           + atomic_load(&zone->shm->clears);
}


void
ngx_http_bigcache_zone_purged(ngx_http_bigcache_zone_t *zone)
{
    atomic_fetch_add(&zone->shm->purges, 1);
}


/* gives parts of the zone to what page caching needs */

static void
ngx_http_bigcache_init_pages(ngx_slab_pool_t *shpool,
    ngx_http_bigcache_shm_t *shm)
{
    void      *p;
    size_t     size;
    uint64_t   seed[2];

    /*
     * A removal voids all pages of its slot that are fetched meanwhile: the
     * more slots, the fewer pages that it does not concern
     */

    shm->removing = shm->removing_few;
    shm->nremoving = NGX_HTTP_BIGCACHE_REMOVING;

    p = ngx_http_bigcache_share(shpool, NGX_HTTP_BIGCACHE_REMOVING_SHARE,
                                &size);

    if (p) {
        shm->removing = p;
        shm->nremoving = size / sizeof(ngx_http_bigcache_removing_t);
    }

    p = ngx_http_bigcache_share(shpool, NGX_HTTP_BIGCACHE_LEASE_SHARE, &size);

    if (p) {
        ngx_http_bigcache_seed(seed);
        shm->lease = bigcache_lease_create(p, size, seed);
    }

    p = ngx_http_bigcache_share(shpool, NGX_HTTP_BIGCACHE_USES_SHARE, &size);

    if (p) {
        ngx_http_bigcache_seed(seed);
        shm->uses = bigcache_uses_create(p, size, seed);
    }

    p = ngx_http_bigcache_share(shpool, NGX_HTTP_BIGCACHE_REST_SHARE, &size);

    if (p) {
        ngx_http_bigcache_seed(seed);
        shm->rest_lease = bigcache_rest_lease_create(p, size, seed);
    }
}


/* returns one part of so many, in pages, or NULL if there is no room */

static void *
ngx_http_bigcache_share(ngx_slab_pool_t *shpool, size_t share, size_t *size)
{
    *size = ngx_min(shpool->pfree * ngx_pagesize / share,
                    NGX_HTTP_BIGCACHE_SHARE_MAX);
    *size -= *size % ngx_pagesize;

    return *size ? ngx_slab_calloc(shpool, *size) : NULL;
}


static void
ngx_http_bigcache_seed(uint64_t seed[2])
{
    if (getrandom(seed, 2 * sizeof(uint64_t), 0) != 2 * sizeof(uint64_t)) {
        seed[0] = (uint64_t) ngx_random() << 32 | ngx_random();
        seed[1] = (uint64_t) ngx_random() << 32 | ngx_random();
    }
}


static void
ngx_http_bigcache_init_history(ngx_slab_pool_t *shpool,
    ngx_http_bigcache_shm_t *shm)
{
    shm->history = ngx_slab_calloc(shpool, sizeof(bigcache_history_t));

    if (shm->history) {
        bigcache_history_create(shm->history, bigcache_time_now(),
                                bigcache_time_monotonic());
    }
}


/* of a store in a cluster, which a reload may have made of another one */

static void
ngx_http_bigcache_init_servers(ngx_http_bigcache_zone_t *zone,
    ngx_slab_pool_t *shpool)
{
    bigcache_servers_t  *servers;

    servers = &zone->shm->servers;

    if (zone->cluster == NULL || servers->list) {
        return;
    }

    shpool->log_nomem = 0;
    servers->list = ngx_slab_calloc(shpool, sizeof(bigcache_servers_list_t));
    shpool->log_nomem = 1;
}


/* gives the rest of the zone to the hot index, in one piece */

static void
ngx_http_bigcache_init_hot(ngx_slab_pool_t *shpool,
    ngx_http_bigcache_shm_t *shm)
{
    void      *p;
    size_t     size;
    uint64_t   seed[2];

    ngx_http_bigcache_seed(seed);

    shpool->log_nomem = 0;

    for (size = shpool->pfree * ngx_pagesize; size; size -= ngx_pagesize) {

        p = ngx_slab_alloc(shpool, size);

        if (p) {

            /*
             * otherwise new pages are zero, and are allocated at their first
             * use
             */

#if (NGX_DEBUG_MALLOC)
            ngx_memzero(p, size);
#endif

            shm->hot = bigcache_hot_create(p, size, seed);
            return;
        }
    }
}


bigcache_log_t
ngx_http_bigcache_zone_log(ngx_http_bigcache_zone_t *zone)
{
    bigcache_log_t  log;

    log.handler = ngx_http_bigcache_log;
    log.data = zone;

    return log;
}


/* called by the store, in any thread */

static void
ngx_http_bigcache_log(void *data, int level, const char *text)
{
    ngx_log_error((ngx_uint_t) level, ngx_cycle->log, 0, "bigcache %s", text);
}


void
ngx_http_bigcache_zone_removed(void *data, uint64_t expired, uint64_t purged)
{
    ngx_http_bigcache_zone_t *zone = data;

    atomic_fetch_add(&zone->shm->metrics.pages.expire, expired);
    atomic_fetch_add(&zone->shm->metrics.pages.swept, expired);
    atomic_fetch_add(&zone->shm->metrics.pages.deleted, purged);
}
