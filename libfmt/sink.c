/* A file that gets its name last.
 *
 * Where the system has files without a name (O_TMPFILE), nothing is left whatever happens before the commit. Elsewhere
 * the contents go to ".NAME.XXXXXX.part" beside the target; after a crash that much may stay behind, never a file
 * called NAME. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <libfmt/sink.h>

#include "ckd.h"

#define WRITE_MAX ((size_t)1 << 30) /* per pwrite: macOS refuses 2 GiB and more, Linux cuts short there */
#define WRITE_EARLY ((size_t)1 << 16) /* smaller pieces are left to the system's own pace */
#define TRIES     100               /* names for a temporary file; one is enough unless they are guessed */

/* The tests build this file once more as for a system without O_TMPFILE. */
#if defined(O_TMPFILE) && !defined(SINK_NAMED)
#define HAVE_NAMELESS 1
#else
#define HAVE_NAMELESS 0
#endif

struct fmt_sink {
	int fd, dir;      /* the file, and the directory that it will be in */
	char *path;       /* as given */
	const char *name; /* its last part, in `path` */
	char *temporary;  /* name in `dir` of the file; NULL: it has none */
	bool overwrite;
	bool is_new;      /* it has its name, and there was none of that name */
};

/* What is not there here is a directory of the output's: the system refuses, no input is missing. */
static bool fail_errno(const struct fmt_sink *s, const char *what, struct fmt_err *err)
{
	if (errno == EEXIST)
		fmt_fail(err, FMT_EXISTS, FMT_NO_OFFSET, "is there already, and overwriting was not asked for");
	else if (errno == ENOENT)
		fmt_fail(err, FMT_IO, FMT_NO_OFFSET, "%s: %s", what, strerror(errno));
	else
		fmt_fail_errno(err, errno, what);
	fmt_err_file(err, s->path);
	return false;
}

static bool fail_directory(const struct fmt_sink *s, const char *dir, struct fmt_err *err)
{
	if (errno == ENOENT)
		fmt_fail(err, FMT_IO, FMT_NO_OFFSET, "there is no directory '%s' to write it in; make it first", dir);
	else
		fmt_fail(err, errno == ENOMEM ? FMT_NOMEM : FMT_IO, FMT_NO_OFFSET, "cannot open the directory '%s': %s", dir,
		         strerror(errno));
	fmt_err_file(err, s->path);
	return false;
}

/* Opens the directory part of the path and finds the name. */
static bool open_dir(struct fmt_sink *s, struct fmt_err *err)
{
	char *slash = strrchr(s->path, '/');
	char *dir;

	s->name = slash ? slash + 1 : s->path;
	if (!*s->name || !strcmp(s->name, ".") || !strcmp(s->name, "..")) {
		fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "is not the name of a file");
		fmt_err_file(err, s->path);
		return false;
	}
	/* "/x" is in "/" */
	dir = slash ? strndup(s->path, slash == s->path ? 1 : (size_t)(slash - s->path)) : strdup(".");
	if (!dir)
		return fmt_fail_nomem(err, strlen(s->path));
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		fail_directory(s, dir, err);
	free(dir);
	return s->dir >= 0;
}

/* What is under the name now: nothing, or a regular file that may be replaced. *mode is its mode, or 0. */
static bool check_target(const struct fmt_sink *s, mode_t *mode, struct fmt_err *err)
{
	struct stat st;

	*mode = 0;
	if (fstatat(s->dir, s->name, &st, 0))
		return errno == ENOENT || fail_errno(s, "cannot look at it", err);
	if (!S_ISREG(st.st_mode))
		fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, S_ISDIR(st.st_mode) ? "is a directory; name a file" :
		         "is not a regular file, and will not be replaced");
	else if (!s->overwrite)
		fmt_fail(err, FMT_EXISTS, FMT_NO_OFFSET, "is there already, and overwriting was not asked for");
	fmt_err_file(err, s->path);
	*mode = st.st_mode & 0777;
	return !err->code;
}

#if HAVE_NAMELESS
/* The name by which a file without one can be linked (open(2)). */
static void proc_path(char out[32], int fd)
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
}

static bool create_nameless(struct fmt_sink *s)
{
	char proc[32];

	s->fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (s->fd < 0)
		return false;
	proc_path(proc, s->fd);
	if (!access(proc, F_OK))
		return true;
	/* no /proc: it could never be given a name */
	close(s->fd);
	s->fd = -1;
	return false;
}
#else
static bool create_nameless(struct fmt_sink *s)
{
	(void)s;
	return false;
}
#endif

/* A name in the same directory that nobody uses; *out is to be freed. */
static bool temporary_name(const struct fmt_sink *s, char **out, struct fmt_err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	const size_t n = strlen(s->name) + sizeof "..XXXXXX.part";
	char random[7] = "";
	uint8_t bytes[6];

	if (getentropy(bytes, sizeof bytes))
		return fmt_fail_errno(err, errno, "no random bytes for a temporary name");
	for (size_t i = 0; i < sizeof bytes; i++)
		random[i] = letters[bytes[i] % 32];
	*out = malloc(n);
	if (!*out)
		return fmt_fail_nomem(err, n);
	snprintf(*out, n, ".%s.%s.part", s->name, random);
	return true;
}

static bool create_named(struct fmt_sink *s, struct fmt_err *err)
{
	for (int i = 0; i < TRIES && s->fd < 0; i++) {
		free(s->temporary);
		s->temporary = NULL;
		if (!temporary_name(s, &s->temporary, err))
			return false;
		s->fd = openat(s->dir, s->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (s->fd < 0 && errno != EEXIST)
			break;
	}
	if (s->fd >= 0)
		return true;
	fail_errno(s, "cannot create a file beside it", err);
	free(s->temporary); /* not ours */
	s->temporary = NULL;
	return false;
}

static void close_sink(struct fmt_sink *s)
{
	if (s->temporary)
		unlinkat(s->dir, s->temporary, 0);
	if (s->fd >= 0)
		close(s->fd);
	if (s->dir >= 0)
		close(s->dir);
	free(s->temporary);
	free(s->path);
	free(s);
}

struct fmt_sink *fmt_sink_create(const char *path, bool overwrite, struct fmt_err *err)
{
	struct fmt_sink *s;
	mode_t mode;

	if (err->code)
		return NULL;
	s = calloc(1, sizeof *s);
	if (!s) {
		fmt_fail_nomem(err, sizeof *s);
		return NULL;
	}
	s->fd = s->dir = -1;
	s->overwrite = overwrite;
	s->path = strdup(path);
	if (!s->path)
		fmt_fail_nomem(err, strlen(path) + 1);
	else if (open_dir(s, err) && check_target(s, &mode, err) && (create_nameless(s) || create_named(s, err)) &&
	         (!mode || !fchmod(s->fd, mode) || fail_errno(s, "cannot set its permissions", err)))
		return s;
	close_sink(s);
	return NULL;
}

bool fmt_sink_free_bytes(const struct fmt_sink *s, uint64_t *n_bytes)
{
	struct statvfs st;
	uint64_t unit;

	/* network and user-space file systems may report no blocks at all */
	if (fstatvfs(s->fd, &st) || !st.f_blocks)
		return false;
	unit = st.f_frsize ? st.f_frsize : st.f_bsize;
	return !ckd_mul(n_bytes, geteuid() ? st.f_bavail : st.f_bfree, unit); /* root may use what is reserved */
}

/* Lets the disk begin at once with a large piece: the flush at the end finds most of it done, and a model of many GB does
 * not fill the memory with pages that wait to be written. Only advice, so a refusal does not matter. */
static void begin_writing(const struct fmt_sink *s, uint64_t off, size_t n)
{
#ifdef SYNC_FILE_RANGE_WRITE
	if (n >= WRITE_EARLY)
		(void)sync_file_range(s->fd, (off_t)off, (off_t)n, SYNC_FILE_RANGE_WRITE);
#else
	(void)s;
	(void)off;
	(void)n;
#endif
}

bool fmt_sink_write(struct fmt_sink *s, uint64_t off, const void *data, size_t n, struct fmt_err *err)
{
	size_t done = 0;

	if (err->code)
		return false;
	if (off > INT64_MAX || n > INT64_MAX - off)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "larger than a file can be");
	while (done < n) {
		size_t want = n - done < WRITE_MAX ? n - done : WRITE_MAX;
		ssize_t put = pwrite(s->fd, (const char *)data + done, want, (off_t)(off + done));

		if (put < 0 && errno != EINTR)
			return fail_errno(s, "cannot write", err);
		done += put > 0 ? (size_t)put : 0;
	}
	begin_writing(s, off, n);
	return true;
}

static bool set_length(const struct fmt_sink *s, uint64_t n_bytes, struct fmt_err *err)
{
	if (err->code)
		return false;
	if (n_bytes > INT64_MAX)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "larger than a file can be");
	return !ftruncate(s->fd, (off_t)n_bytes) || fail_errno(s, "cannot set its size", err);
}

char *fmt_sink_path(struct fmt_sink *s, uint64_t n_bytes, struct fmt_err *err)
{
	size_t dir = (size_t)(s->name - s->path), n = dir + 32 + (s->temporary ? strlen(s->temporary) : 0);
	char *path;

	if (!set_length(s, n_bytes, err))
		return NULL;
	path = malloc(n);
	if (!path)
		fmt_fail_nomem(err, n);
	else if (s->temporary)
		snprintf(path, n, "%.*s%s", (int)dir, s->path, s->temporary);
#if HAVE_NAMELESS
	else
		proc_path(path, s->fd);
#endif
	return path;
}

/* Links the file under `name`, which must not be there. */
static bool link_as(const struct fmt_sink *s, const char *name)
{
#if HAVE_NAMELESS
	char proc[32];

	if (!s->temporary) {
		proc_path(proc, s->fd);
		return !linkat(AT_FDCWD, proc, s->dir, name, AT_SYMLINK_FOLLOW);
	}
#endif
	return !linkat(s->dir, s->temporary, s->dir, name, 0);
}

/* Gives a nameless file a temporary name, so that it can be renamed over another. */
static bool name_temporarily(struct fmt_sink *s, struct fmt_err *err)
{
	for (int i = 0; i < TRIES; i++) {
		char *name;

		if (!temporary_name(s, &name, err))
			return false;
		if (link_as(s, name)) {
			s->temporary = name;
			return true;
		}
		free(name);
		if (errno != EEXIST)
			break;
	}
	return fail_errno(s, "cannot give it a name", err);
}

/* The temporary name becomes the final one, whatever is there. */
static bool rename_over(struct fmt_sink *s, struct fmt_err *err)
{
	if (renameat(s->dir, s->temporary, s->dir, s->name))
		return fail_errno(s, "cannot rename it", err);
	free(s->temporary);
	s->temporary = NULL;
	return true;
}

/* Without links (FAT): a rename that refuses to replace. */
static bool rename_new(struct fmt_sink *s, struct fmt_err *err)
{
#ifdef RENAME_NOREPLACE
	if (renameat2(s->dir, s->temporary, s->dir, s->name, RENAME_NOREPLACE))
		return fail_errno(s, "cannot rename it", err);
#elif defined(RENAME_EXCL)
	if (renameatx_np(s->dir, s->temporary, s->dir, s->name, RENAME_EXCL))
		return fail_errno(s, "cannot rename it", err);
#else
	errno = ENOTSUP;
	return fail_errno(s, "cannot rename it without replacing", err);
#endif
	free(s->temporary);
	s->temporary = NULL;
	return true;
}

static bool give_name(struct fmt_sink *s, struct fmt_err *err)
{
	if (s->overwrite)
		return (s->temporary || name_temporarily(s, err)) && rename_over(s, err);
	if (link_as(s, s->name))
		return true; /* a temporary name that is left is dropped on closing */
	if (s->temporary && (errno == EPERM || errno == ENOTSUP || errno == ENOSYS))
		return rename_new(s, err);
	return fail_errno(s, "cannot give it its name", err);
}

static bool publish(struct fmt_sink *s, struct fmt_err *err)
{
	mode_t mode;

	if (!check_target(s, &mode, err) || !give_name(s, err))
		return false;
	s->is_new = !mode;
	return true;
}

static bool flush(const struct fmt_sink *s, uint64_t n_bytes, struct fmt_err *err)
{
	return set_length(s, n_bytes, err) && (!fsync(s->fd) || fail_errno(s, "cannot write it to the disk", err));
}

/* The name too must survive a crash; some file systems cannot sync a directory, and have no need to. */
static bool flush_name(const struct fmt_sink *s, struct fmt_err *err)
{
	return !fsync(s->dir) || errno == EINVAL || errno == ENOTSUP || fail_errno(s, "cannot write its directory to the disk", err);
}

/* Parts of two models under one set of names would be taken for a model: without the first there is none. */
static bool remove_first(const struct fmt_sink *s, struct fmt_err *err)
{
	mode_t mode;

	return check_target(s, &mode, err) && (!mode || !unlinkat(s->dir, s->name, 0) || fail_errno(s, "cannot replace it", err));
}

static bool publish_all(struct fmt_sink *const *sinks, size_t n, struct fmt_err *err)
{
	mode_t mode;

	for (size_t i = 0; i < n; i++)
		if (!check_target(sinks[i], &mode, err))
			return false;
	if (n > 1 && !remove_first(sinks[0], err))
		return false;
	for (size_t i = n; i-- > 0;)
		if (!publish(sinks[i], err))
			return false;
	return flush_name(sinks[0], err);
}

bool fmt_sink_commit_all(struct fmt_sink *const *sinks, const uint64_t *n_bytes, size_t n, struct fmt_err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = flush(sinks[i], n_bytes[i], err);
	ok = ok && publish_all(sinks, n, err);
	for (size_t i = 0; i < n; i++) {
		if (!ok && n > 1 && sinks[i]->is_new)
			unlinkat(sinks[i]->dir, sinks[i]->name, 0);
		close_sink(sinks[i]);
	}
	return ok;
}

bool fmt_sink_commit(struct fmt_sink *s, uint64_t n_bytes, struct fmt_err *err)
{
	return fmt_sink_commit_all(&s, &n_bytes, 1, err);
}

void fmt_sink_abort(struct fmt_sink *s)
{
	if (s)
		close_sink(s);
}
