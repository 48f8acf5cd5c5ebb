
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The names of the files in the directory of a store:
 *
 *     lock      the one process that has the store open holds it by flock();
 *               bigcache_generation.h
 *     index/    the LevelDB database, bigcache_index.h
 *     pages/    the segments, bigcache_segments.h
 *     trash/    files to be removed later
 *     import/   what is left to import from the original, bigcache_adopt.h
 *     owner.sock  the owner's socket, ../owner/bigcache_socket.h
 *     reserve   ballast: space that is given back when the disk is full
 *     spare/    empty files, for when no other file can be made
 *
 * NAME.before/ has second links to the files of a database while it is opened
 * or repaired, bigcache_recover.h; NAME.before.new/ is one that is being made.
 */


#ifndef _BIGCACHE_LAYOUT_H_INCLUDED_
#define _BIGCACHE_LAYOUT_H_INCLUDED_


#define BIGCACHE_LAYOUT_LOCK        "lock"
#define BIGCACHE_LAYOUT_INDEX       "index"
#define BIGCACHE_LAYOUT_PAGES       "pages"
#define BIGCACHE_LAYOUT_TRASH       "trash"
#define BIGCACHE_LAYOUT_IMPORT      "import"
#define BIGCACHE_LAYOUT_SOCKET      "owner.sock"
#define BIGCACHE_LAYOUT_BALLAST     "reserve"
#define BIGCACHE_LAYOUT_SPARE       "spare"

#define BIGCACHE_LAYOUT_BEFORE      ".before"
#define BIGCACHE_LAYOUT_BEFORE_NEW  BIGCACHE_LAYOUT_BEFORE ".new"


#endif /* _BIGCACHE_LAYOUT_H_INCLUDED_ */
