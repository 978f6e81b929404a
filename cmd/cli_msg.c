/* Messages, exit statuses, progress: what goes to stderr. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libfmt/model.h>

#include "cli.h"

int cli_status(enum fmt_code code)
{
	switch (code) {
	case FMT_OK:
		return CLI_OK;
	case FMT_USAGE:
	case FMT_EXISTS:
		return CLI_USAGE;
	case FMT_IO:
	case FMT_NOMEM:
		return CLI_SYSTEM;
	default:
		return CLI_INPUT;
	}
}

static void json_error(const char *text, int status, const struct fmt_err *err)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_object(&j, "error");
	cli_json_cstr(&j, "message", text);
	cli_json_u64(&j, "status", (uint64_t)status);
	if (err && err->file[0])
		cli_json_cstr(&j, "file", err->file);
	if (err && err->file[0] && err->off != FMT_NO_OFFSET)
		cli_json_u64(&j, "offset", err->off);
	cli_json_close(&j, '}');
	cli_json_close(&j, '}');
	cli_json_end(&j);
	fflush(stdout);
}

int cli_fail(const struct cli_program *p, const struct fmt_err *err)
{
	char line[sizeof err->file + sizeof err->msg + 96];

	fmt_err_line(err, line, sizeof line);
	if (err->code == FMT_EXISTS) /* of an output: every program that has one has this option */
		strncat(line, " (--force replaces it)", sizeof line - 1 - strlen(line));
	fprintf(stderr, "%s: %s\n", p->name, line);
	if (p->json)
		json_error(line, cli_status(err->code), err);
	return cli_status(err->code);
}

int cli_usage_error(const struct cli_program *p, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\nTry '%s --help'.\n", p->name, text, p->name);
	if (p->json)
		json_error(text, CLI_USAGE, NULL);
	return CLI_USAGE;
}

void cli_note(const struct cli_program *p, const char *format, ...)
{
	va_list args;

	if (p->quiet)
		return;
	fprintf(stderr, "%s: ", p->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void cli_note_text(const struct cli_program *p, const char *path, const char *text, size_t n)
{
	size_t bad;

	if (!cli_is_utf8(text, n, &bad))
		cli_note(p, "note: %s is not UTF-8 from byte %zu on: what is not is read as U+FFFD",
		         strcmp(path, "-") ? path : "standard input", bad);
}

int cli_finish(const struct cli_program *p, int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "%s: cannot write to standard output: %s\n", p->name, strerror(errno));
	return status ? status : CLI_SYSTEM;
}

bool cli_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(f)) && !(no && *no) && term && strcmp(term, "dumb");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_start(struct cli_progress *g, const struct cli_program *p, const char *what, const char *unit)
{
	*g = (struct cli_progress){ .program = p, .what = what, .unit = unit, .start = now(), .last_percent = -1 };
	g->terminal = isatty(STDERR_FILENO);
}

static unsigned terminal_columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* "120 MB/s", "8.31 windows/s", "98.2 M weights/s". */
static void show_rate(const struct cli_progress *g, double rate, char *out, size_t n)
{
	char number[32];

	if (!g->unit)
		snprintf(out, n, "%s/s", cli_bytes((uint64_t)rate, number));
	else if (rate < 1000)
		snprintf(out, n, "%.3g %s/s", rate, g->unit);
	else
		snprintf(out, n, "%s %s/s", cli_count((uint64_t)rate, number), g->unit);
}

static void draw_bar(const struct cli_progress *g, uint64_t done, double share, double seconds)
{
	char rate[64], line[160];
	unsigned columns = terminal_columns(), width, full;
	double left = share > 0 ? seconds / share * (1 - share) : 0;
	int n;

	show_rate(g, seconds > 0 ? (double)done / seconds : 0, rate, sizeof rate);
	n = snprintf(line, sizeof line, " %3.0f%%  %s  %" PRIu64 ":%02" PRIu64 " left", share * 100, rate, (uint64_t)left / 60,
	             (uint64_t)left % 60);
	width = columns > (unsigned)n + strlen(g->what) + 6 ? columns - (unsigned)n - (unsigned)strlen(g->what) - 5 : 0;
	if (width > 40)
		width = 40;
	full = (unsigned)(share * width + 0.5);
	fprintf(stderr, "\r%s [", g->what);
	for (unsigned i = 0; i < width; i++)
		fputc(i < full ? '#' : '.', stderr);
	fprintf(stderr, "]%s\033[K", line);
}

void cli_progress_update(void *ctx, uint64_t done, uint64_t total)
{
	struct cli_progress *g = ctx;
	double t = now(), seconds = t - g->start, share = total ? (double)done / (double)total : 1;
	int percent = (int)floor(share * 10) * 10;

	if (g->program->quiet)
		return;
	if (g->terminal) {
		if (t - g->last < 0.1 && done != total)
			return;
		g->last = t;
		draw_bar(g, done, share, seconds);
		return;
	}
	/* not a terminal: a line every ten seconds at most, so that a short run's log stays empty */
	if (t - g->last < 10 && g->last > 0)
		return;
	if (g->last > 0 && percent != g->last_percent) {
		fprintf(stderr, "%s: %s: %.0f%%\n", g->program->name, g->what, share * 100);
		g->last_percent = percent;
	}
	g->last = t;
}

void cli_progress_end(struct cli_progress *g)
{
	if (!g->program->quiet && g->terminal)
		fputs("\r\033[K", stderr);
}
