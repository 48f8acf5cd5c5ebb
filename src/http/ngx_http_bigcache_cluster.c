
/*
 * Copyright (C) bigcache contributors
 */


/* The directive bigcache_cluster, and the cache that it makes in a process. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"

#if (BIGCACHE_HAVE_HIREDIS)
#include "bigcache_cluster.h"
#endif


#if (BIGCACHE_HAVE_HIREDIS)

/* bytes of a zone that is given no size: it has no hot index */

#define NGX_HTTP_BIGCACHE_CLUSTER_ZONE      (1024 * 1024)

/* bytes of a file that has a password */

#define NGX_HTTP_BIGCACHE_CLUSTER_PASSWORD  1024

#define NGX_HTTP_BIGCACHE_CLUSTER_PORT      6379

/* a nonce is remembered for 30 seconds: no call may be tried for longer */

#define NGX_HTTP_BIGCACHE_CLUSTER_WAIT      (20 * 1000)


typedef struct {
    bigcache_cluster_conf_t   conf;         /* the first */
    ngx_array_t               servers;      /* of bigcache_address_t */

    /* as they are given */
    ngx_str_t                 user;
    ngx_str_t                 password_file;
    ngx_str_t                 tls;
    ngx_str_t                 tls_ca;
    ngx_str_t                 tls_cert;
    ngx_str_t                 tls_key;
    ngx_str_t                 tls_name;
} ngx_http_bigcache_cluster_conf_t;

static char *ngx_http_bigcache_cluster_name(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_http_bigcache_cluster_conf_t *ccf,
    ngx_str_t *name);
static char *ngx_http_bigcache_cluster_server(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf, ngx_str_t *value);
static char *ngx_http_bigcache_cluster_password(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf, ngx_str_t *name);
static char *ngx_http_bigcache_cluster_check(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_http_bigcache_cluster_conf_t *ccf);
static char *ngx_http_bigcache_cluster_tls(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf);
static char *ngx_http_bigcache_cluster_tls_create(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf);
static void ngx_http_bigcache_cluster_tls_cleanup(void *data);


static ngx_http_bigcache_parameter_t  ngx_http_bigcache_cluster_parameters[] =
{
    { ngx_string("zone="), NGX_HTTP_BIGCACHE_PARAMETER_ZONE, 0, 0, 0, 0 },

    { ngx_string("thread_pool="), NGX_HTTP_BIGCACHE_PARAMETER_POOL,
      0, 0, 0, 0 },

    { ngx_string("buckets="), NGX_HTTP_BIGCACHE_PARAMETER_NUMBER,
      offsetof(bigcache_cluster_conf_t, buckets),
      1, BIGCACHE_BUCKET_MAX, 1024 },

    { ngx_string("replicas="), NGX_HTTP_BIGCACHE_PARAMETER_NUMBER,
      offsetof(bigcache_cluster_conf_t, replicas), 0, 16, 0 },

    { ngx_string("wait="), NGX_HTTP_BIGCACHE_PARAMETER_TIME,
      offsetof(bigcache_cluster_conf_t, nodes.wait),
      0, NGX_HTTP_BIGCACHE_CLUSTER_WAIT, 5000 },

    { ngx_string("timeout="), NGX_HTTP_BIGCACHE_PARAMETER_TIME,
      offsetof(bigcache_cluster_conf_t, nodes.timeout),
      0, NGX_HTTP_BIGCACHE_CLUSTER_WAIT, 1000 },

    { ngx_string("gzip="), NGX_HTTP_BIGCACHE_PARAMETER_GZIP, 0, 0, 1, 1 },

    { ngx_string("gzip_min="), NGX_HTTP_BIGCACHE_PARAMETER_SIZE,
      offsetof(bigcache_cluster_conf_t, gzip_min),
      0, BIGCACHE_PAGE_LARGE, 1024 },

    { ngx_string("user="), NGX_HTTP_BIGCACHE_PARAMETER_TEXT,
      offsetof(ngx_http_bigcache_cluster_conf_t, user), 0, 0, 0 },

    { ngx_string("password_file="), NGX_HTTP_BIGCACHE_PARAMETER_TEXT,
      offsetof(ngx_http_bigcache_cluster_conf_t, password_file), 0, 0, 0 },

    { ngx_string("tls="), NGX_HTTP_BIGCACHE_PARAMETER_TEXT,
      offsetof(ngx_http_bigcache_cluster_conf_t, tls), 0, 0, 0 },

    { ngx_string("tls_ca="), NGX_HTTP_BIGCACHE_PARAMETER_TEXT,
      offsetof(ngx_http_bigcache_cluster_conf_t, tls_ca), 0, 0, 0 },

    { ngx_string("tls_cert="), NGX_HTTP_BIGCACHE_PARAMETER_TEXT,
      offsetof(ngx_http_bigcache_cluster_conf_t, tls_cert), 0, 0, 0 },

    { ngx_string("tls_key="), NGX_HTTP_BIGCACHE_PARAMETER_TEXT,
      offsetof(ngx_http_bigcache_cluster_conf_t, tls_key), 0, 0, 0 },

    { ngx_string("tls_name="), NGX_HTTP_BIGCACHE_PARAMETER_TEXT,
      offsetof(ngx_http_bigcache_cluster_conf_t, tls_name), 0, 0, 0 },

    { ngx_null_string, NGX_HTTP_BIGCACHE_PARAMETER_ZONE, 0, 0, 0, 0 }
};


char *
ngx_http_bigcache_cluster(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bigcache_main_conf_t *bmcf = conf;

    char                               *rv;
    ngx_str_t                          *value;
    ngx_uint_t                          i;
    ngx_http_bigcache_zone_t           *zone;
    ngx_http_bigcache_cluster_conf_t   *ccf;

    zone = ngx_http_bigcache_zone_create(cf);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    ccf = ngx_pcalloc(cf->pool, sizeof(ngx_http_bigcache_cluster_conf_t));
    if (ccf == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&ccf->servers, cf->pool, 4, sizeof(bigcache_address_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* whatever conf the zone was made with belongs to the other engine */

    ccf->conf.log = ngx_http_bigcache_zone_log(zone);
    ccf->conf.removed = ngx_http_bigcache_zone_removed;
    ccf->conf.data = zone;

    zone->conf = NULL;
    zone->cluster = ccf;
    zone->settings = ccf;
    zone->bounded = 1;

    ngx_http_bigcache_parameter_init(zone,
                                     ngx_http_bigcache_cluster_parameters);

    value = cf->args->elts;

    rv = ngx_http_bigcache_cluster_name(cf, cmd, ccf, &value[1]);

    zone->path = value[1];

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = (ngx_strncmp(value[i].data, "server=", 7) == 0)
             ? ngx_http_bigcache_cluster_server(cf, ccf, &value[i])
             : ngx_http_bigcache_parameter(cf, zone,
                                           ngx_http_bigcache_cluster_parameters,
                                           &value[i]);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_bigcache_parameter_end(cf, cmd, bmcf, zone);
    }

    return (rv == NGX_CONF_OK)
           ? ngx_http_bigcache_cluster_check(cf, zone, ccf) : rv;
}


/* the name is part of the keys of the servers, and in their braces */

static char *
ngx_http_bigcache_cluster_name(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_bigcache_cluster_conf_t *ccf, ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    if (name->len == 0 || name->len > BIGCACHE_BUCKET_SPACE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs a name of 1 to %d characters",
                           &cmd->name, BIGCACHE_BUCKET_SPACE);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < name->len; i++) {

        c = name->data[i];

        if ((c < '0' || c > '9') && (c < 'A' || c > 'Z')
            && (c < 'a' || c > 'z') && c != '_' && c != '-' && c != '.')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the name \"%V\" of \"%V\" may have letters, "
                               "digits, \"_\", \"-\" and \".\" only", name,
                               &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

    ccf->conf.name = bigcache_str(name->data, name->len);
    ccf->conf.label = (char *) name->data;

    return NGX_CONF_OK;
}


/* host, host:port, [address]:port; names are looked up when they are needed */

static char *
ngx_http_bigcache_cluster_server(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf, ngx_str_t *value)
{
    size_t               len;
    u_char              *p, *last, *host;
    ngx_int_t            port;
    bigcache_address_t  *address;

    last = value->data + value->len;
    host = value->data + 7;
    port = NGX_HTTP_BIGCACHE_CLUSTER_PORT;

    if (*host == '[') {
        host++;
        p = ngx_strlchr(host, last, ']');

        if (p == NULL) {
            goto invalid;
        }

        len = p - host;
        p++;

    } else {
        p = ngx_strlchr(host, last, ':');
        p = p ? p : last;
        len = p - host;
    }

    if (p < last) {
        port = (*p == ':') ? ngx_atoi(p + 1, last - p - 1) : NGX_ERROR;
    }

    if (len == 0 || len >= BIGCACHE_LINK_HOST || port < 1 || port > 65535) {
        goto invalid;
    }

    address = ngx_array_push(&ccf->servers);
    if (address == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(address, sizeof(bigcache_address_t));
    ngx_memcpy(address->host, host, len);
    address->port = (unsigned) port;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": it must be server=host:port",
                       value);
    return NGX_CONF_ERROR;
}


/* the first line of a file, which the master reads */

static char *
ngx_http_bigcache_cluster_password(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf, ngx_str_t *name)
{
    u_char      *buf, *end;
    ssize_t      n;
    ngx_fd_t     fd;
    const char  *why;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    buf = ngx_pcalloc(cf->pool, NGX_HTTP_BIGCACHE_CLUSTER_PASSWORD + 1);
    if (buf == NULL) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "open() \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    n = read(fd, buf, NGX_HTTP_BIGCACHE_CLUSTER_PASSWORD);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "read() \"%V\" failed", name);
        (void) ngx_close_file(fd);
        return NGX_CONF_ERROR;
    }

    (void) ngx_close_file(fd);

    end = ngx_strlchr(buf, buf + n, LF);
    end = end ? end : buf + n;

    if (end > buf && end[-1] == CR) {
        end--;
    }

    *end = '\0';

    why = (end == buf) ? "it is empty"
          : (end == buf + NGX_HTTP_BIGCACHE_CLUSTER_PASSWORD) ? "it is too long"
          : (ngx_strlen(buf) != (size_t) (end - buf)) ? "it has a zero byte"
          : NULL;

    if (why) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the first line of \"%V\" is no password: %s", name,
                           why);
        return NGX_CONF_ERROR;
    }

    ccf->conf.nodes.password = (char *) buf;

    return NGX_CONF_OK;
}


static char *
ngx_http_bigcache_cluster_check(ngx_conf_t *cf,
    ngx_http_bigcache_zone_t *zone, ngx_http_bigcache_cluster_conf_t *ccf)
{
    bigcache_cluster_conf_t  *conf;

    conf = &ccf->conf;

    if (ccf->servers.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"bigcache_cluster\" must have \"server\" "
                           "parameter");
        return NGX_CONF_ERROR;
    }

    if (ccf->user.len && ccf->password_file.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"user\" of \"bigcache_cluster\" needs "
                           "\"password_file\"");
        return NGX_CONF_ERROR;
    }

    if (conf->nodes.timeout == 0 || conf->nodes.wait == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"wait\" and \"timeout\" of \"bigcache_cluster\" "
                           "must be at least 1ms");
        return NGX_CONF_ERROR;
    }

    if (zone->sized) {
        zone->sized = 0;
        zone->shm_zone->shm.size = NGX_HTTP_BIGCACHE_CLUSTER_ZONE;
    }

    if (!zone->gzip) {
        conf->gzip_min = SIZE_MAX;
    }

    conf->nodes.seeds = ccf->servers.elts;
    conf->nodes.nseeds = ccf->servers.nelts;
    conf->nodes.user = ccf->user.len ? (char *) ccf->user.data : NULL;

    if (ccf->password_file.len
        && ngx_http_bigcache_cluster_password(cf, ccf, &ccf->password_file)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_bigcache_cluster_tls(cf, ccf);
}


static char *
ngx_http_bigcache_cluster_tls(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf)
{
    ngx_int_t   on, given;
    const char *wrong;

    on = (ccf->tls.len == 2 && ngx_strncmp(ccf->tls.data, "on", 2) == 0);
    given = (ccf->tls_ca.len || ccf->tls_cert.len || ccf->tls_key.len
             || ccf->tls_name.len);

    wrong = NULL;

    if (ccf->tls.len && !on
        && (ccf->tls.len != 3 || ngx_strncmp(ccf->tls.data, "off", 3) != 0))
    {
        wrong = "\"tls\" must be \"on\" or \"off\"";

    } else if (given && !on) {
        wrong = "\"tls_*\" need \"tls=on\"";

    } else if ((ccf->tls_cert.len != 0) != (ccf->tls_key.len != 0)) {
        wrong = "\"tls_cert\" and \"tls_key\" need each other";
    }

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"bigcache_cluster\"", wrong);
        return NGX_CONF_ERROR;
    }

    return on ? ngx_http_bigcache_cluster_tls_create(cf, ccf) : NGX_CONF_OK;
}


/* the master reads the files: workers may not be permitted to */

static char *
ngx_http_bigcache_cluster_tls_create(ngx_conf_t *cf,
    ngx_http_bigcache_cluster_conf_t *ccf)
{
    char                 error[BIGCACHE_ERROR_LEN];
    ngx_uint_t           i;
    bigcache_tls_t      *tls;
    ngx_pool_cleanup_t  *cln;
    bigcache_tls_conf_t  conf;

    ngx_str_t  *files[] = { &ccf->tls_ca, &ccf->tls_cert, &ccf->tls_key };

    for (i = 0; i < 3; i++) {

        if (files[i]->len
            && ngx_conf_full_name(cf->cycle, files[i], 1) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    conf.ca = (char *) ccf->tls_ca.data;
    conf.cert = (char *) ccf->tls_cert.data;
    conf.key = (char *) ccf->tls_key.data;
    conf.name = (char *) ccf->tls_name.data;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    tls = bigcache_tls_create(&conf, error);

    if (tls == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"tls=on\" in \"bigcache_cluster\": %s", error);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_bigcache_cluster_tls_cleanup;
    cln->data = tls;

    ccf->conf.nodes.tls = tls;

    return NGX_CONF_OK;
}


static void
ngx_http_bigcache_cluster_tls_cleanup(void *data)
{
    bigcache_tls_destroy(data);
}


/*
 * Large bodies go through temporary files.  The directory is known when all of
 * the configuration is read; nginx makes it, and gives it to the user of the
 * workers.
 */

ngx_int_t
ngx_http_bigcache_cluster_end(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone)
{
    ngx_path_t                        *path;
    ngx_http_core_loc_conf_t          *clcf;
    ngx_http_bigcache_cluster_conf_t  *ccf;

    static ngx_path_init_t  init = {
        ngx_string(NGX_HTTP_CLIENT_TEMP_PATH), { 0, 0, 0 }
    };

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    path = clcf->client_body_temp_path;

    if (ngx_conf_merge_path_value(cf, &path, NULL, &init) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    ccf = zone->cluster;
    ccf->conf.temp = (char *) path->name.data;

    return NGX_OK;
}


bigcache_cache_t *
ngx_http_bigcache_cluster_create(ngx_http_bigcache_zone_t *zone)
{
    ngx_http_bigcache_cluster_conf_t  *ccf;

    ccf = zone->cluster;

    ccf->conf.shared = &zone->shm->shared;
    ccf->conf.counters = &zone->shm->servers;

    return bigcache_cluster_create(&ccf->conf);
}


void
ngx_http_bigcache_cluster_force(ngx_http_bigcache_zone_t *zone,
    ngx_http_bigcache_cluster_force_t *force)
{
    bigcache_cluster_conf_t           *conf;
    ngx_http_bigcache_cluster_conf_t  *ccf;

    ccf = zone->cluster;
    conf = &ccf->conf;

    force->servers = ccf->servers.nelts;
    force->buckets = conf->buckets;
    force->replicas = conf->replicas;
    force->wait = conf->nodes.wait;
    force->timeout = conf->nodes.timeout;
    force->gzip_min = conf->gzip_min;
}

#else /* !BIGCACHE_HAVE_HIREDIS */

char *
ngx_http_bigcache_cluster(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return "needs the hiredis library, which this module was built without";
}


ngx_int_t
ngx_http_bigcache_cluster_end(ngx_conf_t *cf, ngx_http_bigcache_zone_t *zone)
{
    return NGX_OK;
}


bigcache_cache_t *
ngx_http_bigcache_cluster_create(ngx_http_bigcache_zone_t *zone)
{
    return NULL;
}


void
ngx_http_bigcache_cluster_force(ngx_http_bigcache_zone_t *zone,
    ngx_http_bigcache_cluster_force_t *force)
{
    ngx_memzero(force, sizeof(ngx_http_bigcache_cluster_force_t));
}

#endif
