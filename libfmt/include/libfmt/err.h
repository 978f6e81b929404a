/* Errors: a code, a place and one line of text, on the caller's stack.
 *
 * Every function that can fail returns bool (or a pointer) and takes `struct fmt_err *` last. The first error wins:
 * a failure reported into an error that already holds one changes nothing. A zeroed struct holds no error. */
#ifndef LIBFMT_ERR_H
#define LIBFMT_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum fmt_code {
	FMT_OK = 0,
	FMT_TRUNCATED,   /* the file ends before what it announces */
	FMT_MALFORMED,   /* breaks the rules of its format */
	FMT_LIMIT,       /* a size or count past a ceiling, or past what the file can hold */
	FMT_UNSUPPORTED, /* well formed, but of a kind that is not known here */
	FMT_UNSAFE,      /* asks for something that must never be done (a pickle that calls functions, a path that escapes) */
	FMT_MISSING,     /* a file, key or tensor that must be there is not */
	FMT_MISMATCH,    /* two parts contradict each other (a shape and config.json, say) */
	FMT_NONFINITE,   /* NaN or infinity where only numbers are allowed */
	FMT_USAGE,       /* the caller asked for something that makes no sense */
	FMT_EXISTS,      /* the output is there already */
	FMT_IO,          /* the system refused to read or write */
	FMT_NOMEM,       /* out of memory */
};

#define FMT_NO_OFFSET UINT64_MAX

struct fmt_err {
	enum fmt_code code;
	uint64_t off;   /* byte offset in `file`, or FMT_NO_OFFSET */
	char file[256]; /* "" if no file is to blame; cut in the middle if longer, and safe to print */
	char msg[400];  /* lower case, no full stop, safe to print on a terminal */
};

#if defined(__GNUC__)
#define FMT_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define FMT_PRINTF(a, b)
#endif

/* Records a failure, unless one is recorded already. Bytes that a terminal could act on are escaped in the text.
 * off     byte offset in the file, or FMT_NO_OFFSET
 * returns false, so that `return fmt_fail(...)` reads well */
bool fmt_fail(struct fmt_err *err, enum fmt_code code, uint64_t off, const char *format, ...) FMT_PRINTF(4, 5);

/* The same for a failed system call: FMT_NOMEM for ENOMEM, FMT_MISSING for ENOENT, FMT_IO for the rest.
 * The text is "WHAT: " and the system's own words. */
bool fmt_fail_errno(struct fmt_err *err, int errnum, const char *what);

/* Out of memory, for `n_bytes`. */
bool fmt_fail_nomem(struct fmt_err *err, uint64_t n_bytes);

/* Names the file that a recorded error is about, unless it has one already. Does nothing without an error. */
void fmt_err_file(struct fmt_err *err, const char *path);

/* The whole error as one line: "FILE: MESSAGE (offset N)". `out` holds `n` bytes and always ends in NUL. */
void fmt_err_line(const struct fmt_err *err, char *out, uint64_t n);

#endif
