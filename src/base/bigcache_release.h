
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The version of this release, in one place for all sources.  t/version.t
 * compares it with the documents and packages that name it.
 */


#ifndef _BIGCACHE_RELEASE_H_INCLUDED_
#define _BIGCACHE_RELEASE_H_INCLUDED_


#define BIGCACHE_VERSION  "0.2.0"


#endif /* _BIGCACHE_RELEASE_H_INCLUDED_ */
