
/*
 * Copyright (C) bigcache contributors
 */


/* removes a page by its script */


#include <string.h>

#include "bigcache_remove.h"
#include "bigcache_time.h"


void
bigcache_remove_command(bigcache_command_t *command,
    bigcache_remove_t *removal)
{
    const bigcache_look_t  *look;

    static const bigcache_look_t  none;

    bigcache_space_nonce(removal->nonce);

    look = removal->look ? removal->look : &none;

    bigcache_units_script(command, BIGCACHE_SCRIPT_REMOVE, removal->bucket,
                          &removal->name, 1);
    bigcache_units_part(command, removal->key);
    bigcache_units_part(command,
                        bigcache_str(removal->nonce, BIGCACHE_BUCKET_NONCE));
    bigcache_units_part(command, removal->expect);
    bigcache_units_text(command, removal->how);
    bigcache_units_part(command, look->purges);
    bigcache_units_part(command, look->dead);
    bigcache_units_part(command, removal->group);
    bigcache_units_part(command, removal->now);
}


bigcache_rc_t
bigcache_remove_answer(const bigcache_reply_t *reply)
{
    unsigned  i;

    static const struct {
        const char     *word;
        bigcache_rc_t   rc;
    } answers[] = {
        { "ok", BIGCACHE_OK },
        { "miss", BIGCACHE_MISS },
        { "expired", BIGCACHE_EXPIRED },
        { "mismatch", BIGCACHE_MISMATCH },
        { "purges", BIGCACHE_AGAIN }
    };

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {

        if (bigcache_link_is(bigcache_link_part(reply, 0), answers[i].word)) {
            return answers[i].rc;
        }
    }

    return BIGCACHE_ERROR;
}


bigcache_rc_t
bigcache_remove(bigcache_cluster_t *cluster, bigcache_call_t *call,
    const bigcache_bucket_t *bucket, const bigcache_str_t *key,
    const char *how, uint64_t expect, const bigcache_look_t *look)
{
    u_char              name[BIGCACHE_BUCKET_TAG + 1 + BIGCACHE_KEY_MAX];
    u_char              group[BIGCACHE_KEY_MAX];
    u_char              digits[BIGCACHE_VALUE_DIGITS];
    u_char              now[BIGCACHE_VALUE_DIGITS];
    bigcache_rc_t       rc;
    bigcache_reply_t   *reply;
    bigcache_remove_t   removal;
    bigcache_command_t  command;

    removal.bucket = bucket;
    removal.key = *key;
    removal.name = bigcache_bucket_name(name, bucket, 'k', key);
    removal.expect = bigcache_value_digits(digits, expect);
    removal.how = how;
    removal.group = bigcache_bucket_group(group, key);
    removal.now = bigcache_value_digits(now, (uint64_t) bigcache_time_now());
    removal.look = look;

    if (strcmp(how, "delete") != 0) {
        removal.now.len = 0;
    }

    if (expect == BIGCACHE_EXPECT_ANY) {
        removal.expect.len = 0;
    }

    bigcache_remove_command(&command, &removal);

    rc = bigcache_space_command(cluster, call, bucket, &command, &reply);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_remove_answer(reply);

        if (rc == BIGCACHE_ERROR) {
            (void) bigcache_cache_failed(&cluster->cache, "remove a page",
                                         "the answer is wrong");
        }
    }

    bigcache_link_free(reply);

    return rc;
}
