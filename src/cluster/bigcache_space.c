
/*
 * Copyright (C) bigcache contributors
 */


/* begins calls, and says what is wrong with the cluster, once */


#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "bigcache_hash.h"
#include "bigcache_space.h"
#include "bigcache_time.h"


/* of what is kept in the cluster */

#define BIGCACHE_SPACE_FORMAT  1

/* milliseconds without a failure after which it is said to be over */

#define BIGCACHE_SPACE_OVER    10000


static bigcache_rc_t bigcache_space_verify(bigcache_cluster_t *cluster,
    bigcache_call_t *call);
static bigcache_rc_t bigcache_space_compare(bigcache_cluster_t *cluster,
    const bigcache_str_t *found, const char *ours);
static void bigcache_space_unavailable(bigcache_cluster_t *cluster,
    const char *reason);
static void bigcache_space_available(bigcache_cluster_t *cluster);


bigcache_rc_t
bigcache_space_enter(bigcache_cluster_t *cluster, bigcache_call_t *call,
    int writes)
{
    if (atomic_load(&cluster->conf.shared->closed)) {
        return BIGCACHE_CLOSED;
    }

    return bigcache_space_begin(cluster, call, writes);
}


bigcache_rc_t
bigcache_space_begin(bigcache_cluster_t *cluster, bigcache_call_t *call,
    int writes)
{
    bigcache_rc_t  rc;

    if (atomic_load(&cluster->stopping)) {
        bigcache_space_unavailable(cluster, "this process ends");
        return BIGCACHE_UNAVAILABLE;
    }

    bigcache_units_begin(call, cluster->nodes, &cluster->stopping);

    rc = atomic_load(&cluster->verified)
         ? BIGCACHE_OK : bigcache_space_verify(cluster, call);

    call->replicas = writes ? cluster->conf.replicas : 0;

    return rc;
}


void
bigcache_space_again(bigcache_cluster_t *cluster)
{
    bigcache_call_t  call;

    if (atomic_load(&cluster->verified)
        && bigcache_space_begin(cluster, &call, 0) == BIGCACHE_OK)
    {
        (void) bigcache_space_verify(cluster, &call);
    }
}


bigcache_rc_t
bigcache_space_run(bigcache_cluster_t *cluster, bigcache_call_t *call,
    bigcache_unit_t *units, unsigned n)
{
    bigcache_rc_t  rc;

    rc = bigcache_units_run(call, units, n);

    switch (rc) {

    case BIGCACHE_OK:
        bigcache_space_available(cluster);
        break;

    case BIGCACHE_UNAVAILABLE:
        bigcache_space_unavailable(cluster, call->error[0]
                                            ? call->error
                                            : "the cluster does not answer");
        break;

    case BIGCACHE_FULL:
        bigcache_log(&cluster->conf.log, BIGCACHE_LOG_ERR,
                     "cluster \"%s\": no memory is left: %s",
                     cluster->conf.label, call->error);
        break;

    default:
        bigcache_log(&cluster->conf.log, BIGCACHE_LOG_CRIT,
                     "cluster \"%s\": %s", cluster->conf.label, call->error);
    }

    return rc;
}


bigcache_rc_t
bigcache_space_command(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, bigcache_command_t *command,
    bigcache_reply_t **reply)
{
    bigcache_rc_t    rc;
    bigcache_unit_t  unit;

    bigcache_units_init(&unit, bucket->slot, command, 1);

    rc = bigcache_space_run(cluster, call, &unit, 1);

    if (reply) {
        *reply = unit.replies[0];
        unit.replies[0] = NULL;
    }

    bigcache_units_free(&unit, 1);

    return rc;
}


int
bigcache_space_thread(pthread_t *thread, void *(*run)(void *data), void *data)
{
    int       err;
    sigset_t  all, old;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_BLOCK, &all, &old);

    err = pthread_create(thread, NULL, run, data);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    errno = err;

    return err ? -1 : 0;
}


void
bigcache_space_sleep(bigcache_cluster_t *cluster, unsigned seconds,
    const _Atomic int *woken)
{
    int64_t  deadline;

    deadline = bigcache_time_monotonic() + 1000 * (int64_t) seconds;

    (void) pthread_mutex_lock(&cluster->mutex);

    while (!atomic_load(&cluster->stopping)
           && !(woken && atomic_load(woken))
           && bigcache_time_cond_wait(&cluster->cond, &cluster->mutex,
                                      deadline))
    {
        /* void */
    }

    (void) pthread_mutex_unlock(&cluster->mutex);
}


void
bigcache_space_wake(bigcache_cluster_t *cluster, _Atomic int *flag)
{
    (void) pthread_mutex_lock(&cluster->mutex);
    atomic_store(flag, 1);
    (void) pthread_cond_broadcast(&cluster->cond);
    (void) pthread_mutex_unlock(&cluster->mutex);
}


void
bigcache_space_bucket(const bigcache_cluster_t *cluster,
    const bigcache_str_t *key, bigcache_bucket_t *bucket)
{
    bigcache_bucket_init(bucket, &cluster->conf.name,
                         bigcache_bucket_of(key, cluster->conf.buckets));
}


void
bigcache_space_nonce(u_char *nonce)
{
    u_char    bytes[BIGCACHE_BUCKET_NONCE / 2];
    uint64_t  time;
    unsigned  i;

    static const char  hex[] = "0123456789abcdef";

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {

        /* no kernel that nginx runs on fails here; an address differs, too */

        time = (uint64_t) bigcache_time_now_us();
        time = bigcache_hash(time, &nonce, sizeof(nonce));
        memset(bytes, 0, sizeof(bytes));
        memcpy(bytes, &time, sizeof(time));
    }

    for (i = 0; i < sizeof(bytes); i++) {
        nonce[2 * i] = (u_char) hex[bytes[i] >> 4];
        nonce[2 * i + 1] = (u_char) hex[bytes[i] & 15];
    }
}


/* the first process that ever uses the name space decides */

static bigcache_rc_t
bigcache_space_verify(bigcache_cluster_t *cluster, bigcache_call_t *call)
{
    char                ours[32];
    u_char              memory[BIGCACHE_BUCKET_SPACE + 8];
    unsigned            made;
    bigcache_rc_t       rc;
    bigcache_str_t      name, found;
    bigcache_unit_t     unit;
    bigcache_command_t  commands[2];

    (void) snprintf(ours, sizeof(ours), "%d %u", BIGCACHE_SPACE_FORMAT,
                    cluster->conf.buckets);

    name.data = memory;
    name.len = (size_t) snprintf((char *) memory, sizeof(memory), "{%.*s}conf",
                                 (int) cluster->conf.name.len,
                                 (const char *) cluster->conf.name.data);

    bigcache_units_command(&commands[0], "SET", name, ours, "NX", NULL);
    bigcache_units_command(&commands[1], "GET", name, NULL);

    /* a server without memory refuses to set even what is there already */

    for (made = 0; made < 2; made++) {

        bigcache_units_init(&unit, bigcache_bucket_slot(&name),
                            &commands[1 - made], 1 + made);

        rc = bigcache_space_run(cluster, call, &unit, 1);

        found = bigcache_link_text(unit.replies[made]);

        if (rc == BIGCACHE_OK && (found.data || made)) {
            rc = bigcache_space_compare(cluster, &found, ours);
            made = 2;
        }

        bigcache_units_free(&unit, 1);

        if (rc != BIGCACHE_OK) {
            return rc;
        }
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
bigcache_space_compare(bigcache_cluster_t *cluster,
    const bigcache_str_t *found, const char *ours)
{
    char  reason[BIGCACHE_ERROR_LEN];

    if (bigcache_str_is(found, ours)) {
        atomic_store(&cluster->verified, 1);
        return BIGCACHE_OK;
    }

    atomic_store(&cluster->verified, 0);

    (void) snprintf(reason, sizeof(reason), "the name space \"%.*s\" was made "
                    "with another format or number of buckets, \"%.*s\", and "
                    "not \"%s\"", (int) cluster->conf.name.len,
                    (const char *) cluster->conf.name.data,
                    (int) (found->len < 32 ? found->len : 32),
                    (const char *) found->data, ours);

    bigcache_space_unavailable(cluster, reason);

    return BIGCACHE_UNAVAILABLE;
}


/* logged once, whichever process finds it first, until it is over */

static void
bigcache_space_unavailable(bigcache_cluster_t *cluster, const char *reason)
{
    uint64_t            none;
    const char         *why;
    bigcache_shared_t  *shared;

    /* clients get what is wrong, not where; the log has both */

    why = (strncmp(reason, "server ", 7) == 0) ? strstr(reason, ": ") : NULL;

    (void) pthread_mutex_lock(&cluster->mutex);
    (void) snprintf(cluster->reason, BIGCACHE_ERROR_LEN, "%s%.200s",
                    why ? "a server of the cluster" : "", why ? why : reason);
    (void) pthread_mutex_unlock(&cluster->mutex);

    if (atomic_load(&cluster->stopping)) {
        return;
    }

    shared = cluster->conf.shared;
    none = 0;

    atomic_store(&shared->failed_at, bigcache_time_monotonic());

    if (atomic_compare_exchange_strong(&shared->logged_hash, &none, 1)) {
        bigcache_log(&cluster->conf.log, BIGCACHE_LOG_ERR,
                     "cluster \"%s\": requests are answered 503: %s",
                     cluster->conf.label, reason);
    }
}


/* a part of the servers may be away while the others answer */

static void
bigcache_space_available(bigcache_cluster_t *cluster)
{
    uint64_t            was;
    bigcache_shared_t  *shared;

    shared = cluster->conf.shared;
    was = atomic_load(&shared->logged_hash);

    if (was == 0
        || bigcache_time_monotonic() - atomic_load(&shared->failed_at)
           < BIGCACHE_SPACE_OVER)
    {
        return;
    }

    if (atomic_compare_exchange_strong(&shared->logged_hash, &was, 0)) {
        bigcache_log(&cluster->conf.log, BIGCACHE_LOG_NOTICE,
                     "cluster \"%s\": all requests are answered again",
                     cluster->conf.label);
    }
}
