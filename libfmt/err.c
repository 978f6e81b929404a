#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libfmt/err.h>

/* Replaces what a terminal could act on. Bytes from 0x80 up pass: they are text in some encoding. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

bool fmt_fail(struct fmt_err *err, enum fmt_code code, uint64_t off, const char *format, ...)
{
	va_list args;

	if (err->code)
		return false;
	err->code = code;
	err->off = off;
	va_start(args, format);
	vsnprintf(err->msg, sizeof err->msg, format, args);
	va_end(args);
	make_printable(err->msg);
	return false;
}

bool fmt_fail_errno(struct fmt_err *err, int errnum, const char *what)
{
	enum fmt_code code = errnum == ENOMEM ? FMT_NOMEM : errnum == ENOENT ? FMT_MISSING : FMT_IO;

	return fmt_fail(err, code, FMT_NO_OFFSET, "%s: %s", what, strerror(errnum));
}

bool fmt_fail_nomem(struct fmt_err *err, uint64_t n_bytes)
{
	return fmt_fail(err, FMT_NOMEM, FMT_NO_OFFSET, "out of memory (%" PRIu64 " bytes)", n_bytes);
}

void fmt_err_file(struct fmt_err *err, const char *path)
{
	size_t n = strlen(path), cap = sizeof err->file - 1, tail;

	if (!err->code || err->file[0])
		return;
	if (n <= cap) {
		memcpy(err->file, path, n + 1);
	} else {
		/* the end of a path says more than its beginning */
		tail = cap - 3;
		memcpy(err->file, "...", 3);
		memcpy(err->file + 3, path + n - tail, tail + 1);
	}
	make_printable(err->file);
}

void fmt_err_line(const struct fmt_err *err, char *out, uint64_t n)
{
	char where[40] = "";

	if (err->off != FMT_NO_OFFSET && err->file[0])
		snprintf(where, sizeof where, " (offset %" PRIu64 ")", err->off);
	snprintf(out, n, "%s%s%s%s", err->file, err->file[0] ? ": " : "", err->msg, where);
}
