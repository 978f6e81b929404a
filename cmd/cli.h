/* What the programs share: an option table that yields parsing and --help, messages, exit status, stdout, JSON. */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <libfmt/err.h>
#include <libfmt/model.h>

/* Exit statuses, the same for every program. */
enum {
	CLI_OK = 0,
	CLI_CHECK = 1,  /* the check asked for did not hold */
	CLI_USAGE = 2,  /* wrong usage */
	CLI_INPUT = 3,  /* the input is malformed or not supported */
	CLI_SYSTEM = 4, /* the system failed: I/O, memory */
};

enum cli_kind {
	CLI_FLAG = 1, /* bool: set to true */
	CLI_STRING, /* const char * */
	CLI_OPTIONAL, /* const char *, which stays as it is where there is no "=VALUE" behind the name */
	CLI_UINT,   /* uint64_t */
	CLI_SIZE,   /* uint64_t: 4GiB, 4G (2^30), 512M, 1000 */
	CLI_REAL,   /* double */
	CLI_LIST,   /* struct cli_list: may be given again and again */
	CLI_GROUP,  /* a heading in --help; `help` is its text */
};

struct cli_list {
	const char **items;
	size_t n;
};

struct cli_opt {
	enum cli_kind kind;
	char letter;       /* 0: none */
	const char *name;  /* without the dashes; NULL for a group */
	const char *value; /* what --help calls the value: "N", "FILE" */
	void *dst;         /* of the kind's type; holds the default */
	const char *help;  /* one or more lines; wrapped by hand */
	bool *given;       /* may be NULL: set if the option was there */
};

struct cli_program {
	const char *name;
	const char *usage;    /* lines after "usage: ", each a synopsis */
	const char *about;    /* a paragraph */
	const char *examples; /* lines, indented by two; may be NULL */
	struct cli_opt *opts; /* ended by a zeroed row; --help and --version are added. --json, --quiet and --threads are
	                         rows like others that point at the three fields below */
	bool json;            /* set by --json: errors go to stdout as JSON too */
	bool quiet;           /* set by --quiet */
	uint64_t threads;     /* set by --threads; 0: all CPUs this process may use */
};

/* Parses argv. What is not an option stays, in order, in argv[1 .. *n]; "--" ends options; "-" is an operand.
 * --help and --version print and exit 0; wrong usage prints one line and a hint, and exits 2. */
void cli_parse(struct cli_program *p, int *n, char **argv);

/* One line on stderr, "PROGRAM: TEXT" (and with --json {"error": ...} on stdout). cli_fail returns the exit status. */
int cli_fail(const struct cli_program *p, const struct fmt_err *err);
int cli_usage_error(const struct cli_program *p, const char *format, ...) FMT_PRINTF(2, 3);
void cli_note(const struct cli_program *p, const char *format, ...) FMT_PRINTF(2, 3); /* not with --quiet */
int cli_status(enum fmt_code code);

/* Flushes stdout; the exit status to return: `status`, or CLI_SYSTEM if something could not be written. */
int cli_finish(const struct cli_program *p, int status);

/* All bytes of a file ("-": standard input) and a NUL behind them, malloc'ed; NULL with *err set. */
char *cli_read(const char *path, size_t *n, struct fmt_err *err);

/* A note where a text to run a model on is not UTF-8: tokenizers read what is not as U+FFFD, and go on. */
void cli_note_text(const struct cli_program *p, const char *path, const char *text, size_t n);

bool cli_size(const char *text, uint64_t *out); /* "4GiB" "4G" "512M" "1.5GB" "1000" */
/* "5.5 MiB", in buf of at least 32 bytes; returns buf. */
const char *cli_bytes(uint64_t n, char *buf);
const char *cli_count(uint64_t n, char *buf); /* "2.89 M", "1.10 B" */
const char *cli_thousands(uint64_t n, char *buf); /* "2,885,888" */
bool cli_colour(FILE *f); /* a terminal, and NO_COLOR is not set */
bool cli_utf8(FILE *f);   /* a terminal in a UTF-8 locale */
bool cli_is_utf8(const char *text, size_t n, size_t *bad); /* *bad: where the first byte is that is not */

/* A bar of `part` (0 to 1) of `width` characters: in eighths of a block where cli_utf8, else in whole '#'. */
void cli_print_bar(FILE *f, double part, int width);

/* Text in lines of at most 80 columns where its words allow it, each but the first indented, and a newline.
 * column  where the cursor is */
void cli_print_wrapped(FILE *f, const char *text, int column, int indent);

/* A progress line on stderr: a bar with rate and time left on a terminal, a plain line now and then otherwise. */
struct cli_progress {
	const struct cli_program *program;
	const char *what, *unit;
	bool terminal;
	double start, last;
	int last_percent;
};
/* unit  what is counted, for the rate; NULL: bytes */
void cli_progress_start(struct cli_progress *g, const struct cli_program *p, const char *what, const char *unit);
void cli_progress_update(void *g, uint64_t done, uint64_t total); /* fits quant_transcode.progress */
void cli_progress_end(struct cli_progress *g);

/* JSON on a stream: containers, members, commas and escaping are taken care of. */
struct cli_json {
	FILE *f;
	unsigned depth;
	bool comma[32];   /* per depth: something was written there */
	bool key_written; /* the next value belongs to it */
	bool pretty;      /* set by cli_json_start; clear it for everything on one line */
};
void cli_json_start(struct cli_json *j, FILE *f);
void cli_json_end(struct cli_json *j); /* a newline */
void cli_json_object(struct cli_json *j, const char *key); /* key NULL: an element or the root */
void cli_json_array(struct cli_json *j, const char *key);
void cli_json_close(struct cli_json *j, char bracket); /* '}' or ']' */
void cli_json_str(struct cli_json *j, const char *key, struct fmt_str s); /* invalid UTF-8 becomes U+FFFD */
void cli_json_str_open(struct cli_json *j, const char *key); /* the same in parts, each of whole characters */
void cli_json_str_part(struct cli_json *j, struct fmt_str s);
void cli_json_str_close(struct cli_json *j);
void cli_json_cstr(struct cli_json *j, const char *key, const char *s);
void cli_json_u64(struct cli_json *j, const char *key, uint64_t v);
void cli_json_i64(struct cli_json *j, const char *key, int64_t v);
void cli_json_f64(struct cli_json *j, const char *key, double v); /* shortest that reads back; null if not finite */
void cli_json_bool(struct cli_json *j, const char *key, bool v);
void cli_json_key_str(struct cli_json *j, struct fmt_str key); /* before one value whose key is not a C string */

/* A name or text from a file, safe to print on a terminal: control bytes and invalid UTF-8 escaped as \xNN. */
void cli_print_str(FILE *f, struct fmt_str s);

/* The same for XML and HTML, in text and in quoted attributes: what no document may hold becomes U+FFFD. */
void cli_print_xml(FILE *f, struct fmt_str s);

#endif
