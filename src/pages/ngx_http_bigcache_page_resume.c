
/*
 * Copyright (C) bigcache contributors
 */


/* continues a request that has waited in the phase handler */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


void
ngx_http_bigcache_page_resume(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "http bigcache page: \"%V\"", &r->uri);

    if (r == r->main) {
        r->read_event_handler = ngx_http_block_reading;
    }

    r->write_event_handler(r);

    ngx_http_run_posted_requests(c);
}
