/* Options: one table per program yields both parsing and --help. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct cli_opt common[] = {
	{ .kind = CLI_GROUP, .help = "Common" },
	{ .kind = CLI_FLAG, .letter = 'h', .name = "help", .help = "show this text" },
	{ .kind = CLI_FLAG, .name = "version", .help = "show the version" },
};

#define N_COMMON (sizeof common / sizeof common[0])

static const struct cli_opt *next_opt(const struct cli_program *p, const struct cli_opt *o)
{
	if (!o)
		o = p->opts;
	else if (o >= common && o < common + N_COMMON)
		return o + 1 < common + N_COMMON ? o + 1 : NULL;
	else
		o++;
	return o->kind ? o : common;
}

static void print_option(const struct cli_opt *o)
{
	char left[64];
	const char *line = o->help;

	if (o->kind == CLI_GROUP) {
		printf("\n%s:\n", o->help);
		return;
	}
	snprintf(left, sizeof left, o->kind == CLI_OPTIONAL ? "  %c%c%c --%s[=%s%s]" : "  %c%c%c --%s%s%s", o->letter ? '-' : ' ',
	         o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name, o->value && o->kind != CLI_OPTIONAL ? " " : "",
	         o->value ? o->value : "");
	printf("%-28s", left);
	if (strlen(left) > 26)
		printf("\n%-28s", "");
	for (;;) {
		size_t n = strcspn(line, "\n");

		printf("%.*s\n", (int)n, line);
		if (!line[n])
			return;
		line += n + 1;
		printf("%-28s", "");
	}
}

static void print_help(const struct cli_program *p)
{
	const char *line = p->usage, *lead = "usage:";

	while (*line) {
		size_t n = strcspn(line, "\n");

		printf("%-6s %.*s\n", lead, (int)n, line);
		line += n + (line[n] == '\n');
		lead = "";
	}
	printf("\n%s\n", p->about);
	for (const struct cli_opt *o = next_opt(p, NULL); o; o = next_opt(p, o))
		print_option(o);
	if (p->examples)
		printf("\nExamples:\n%s\n", p->examples);
	printf("\nExit status: 0 done; 1 the check asked for did not hold; 2 wrong usage;\n"
	       "3 the input is malformed or not supported; 4 the system failed.\n");
}

static const struct cli_opt *find_long(const struct cli_program *p, const char *name, size_t n)
{
	for (const struct cli_opt *o = next_opt(p, NULL); o; o = next_opt(p, o))
		if (o->name && strlen(o->name) == n && !memcmp(o->name, name, n))
			return o;
	return NULL;
}

static const struct cli_opt *find_letter(const struct cli_program *p, char letter)
{
	for (const struct cli_opt *o = next_opt(p, NULL); o; o = next_opt(p, o))
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

/* Ends the program: wrong usage. */
static void die(const struct cli_program *p, const char *format, ...) FMT_PRINTF(2, 3);
static void die(const struct cli_program *p, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	exit(cli_usage_error(p, "%s", text));
}

static bool parse_uint(const char *s, uint64_t *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return !errno && !*end;
}

static bool parse_real(const char *s, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(s, &end);
	return !errno && end != s && !*end && *out == *out && *out - *out == 0.0;
}

static void append(const struct cli_program *p, struct cli_list *list, const char *value)
{
	const char **items = realloc(list->items, (list->n + 1) * sizeof *items);

	if (!items) {
		fprintf(stderr, "%s: out of memory\n", p->name);
		exit(CLI_SYSTEM);
	}
	items[list->n++] = value;
	list->items = items;
}

static void take_value(const struct cli_program *p, const struct cli_opt *o, const char *value)
{
	bool ok = true;

	switch (o->kind) {
	case CLI_STRING:
	case CLI_OPTIONAL:
		*(const char **)o->dst = value;
		break;
	case CLI_UINT:
		ok = parse_uint(value, o->dst);
		break;
	case CLI_SIZE:
		ok = cli_size(value, o->dst);
		break;
	case CLI_REAL:
		ok = parse_real(value, o->dst);
		break;
	case CLI_LIST:
		append(p, o->dst, value);
		break;
	case CLI_FLAG:
	case CLI_GROUP:
		break;
	}
	if (!ok)
		die(p, "option '--%s': '%s' is not %s", o->name, value,
		    o->kind == CLI_UINT ? "a whole number" : o->kind == CLI_SIZE ? "a size such as 4GiB or 512M" : "a number");
	if (o->given)
		*o->given = true;
}

static void take_flag(const struct cli_program *p, const struct cli_opt *o)
{
	if (o->dst) {
		*(bool *)o->dst = true;
		if (o->given)
			*o->given = true;
		return;
	}
	if (!strcmp(o->name, "help"))
		print_help(p);
	else
		printf("%s (assay) %s\n", p->name, ASSAY_VERSION);
	exit(cli_finish(p, CLI_OK));
}

static int parse_long(const struct cli_program *p, char **argv, int i, int argc)
{
	const char *name = argv[i] + 2, *eq = strchr(name, '=');
	const struct cli_opt *o = find_long(p, name, eq ? (size_t)(eq - name) : strlen(name));

	if (!o)
		die(p, "unknown option '%s'", argv[i]);
	if (o->kind == CLI_FLAG) {
		if (eq)
			die(p, "option '--%s' takes no value", o->name);
		take_flag(p, o);
		return i;
	}
	if (eq) {
		take_value(p, o, eq + 1);
		return i;
	}
	if (o->kind == CLI_OPTIONAL) {
		*o->given = true;
		return i;
	}
	if (i + 1 >= argc)
		die(p, "option '--%s' needs a value (%s)", o->name, o->value);
	take_value(p, o, argv[i + 1]);
	return i + 1;
}

/* -n 5, -n5, -qf (flags may be joined) */
static int parse_letters(const struct cli_program *p, char **argv, int i, int argc)
{
	for (const char *s = argv[i] + 1; *s; s++) {
		const struct cli_opt *o = find_letter(p, *s);

		if (!o)
			die(p, "unknown option '-%c'", *s);
		if (o->kind == CLI_FLAG) {
			take_flag(p, o);
			continue;
		}
		if (s[1]) {
			take_value(p, o, s + 1);
			return i;
		}
		if (i + 1 >= argc)
			die(p, "option '-%c' needs a value (%s)", *s, o->value);
		take_value(p, o, argv[i + 1]);
		return i + 1;
	}
	return i;
}

void cli_parse(struct cli_program *p, int *n, char **argv)
{
	int argc = *n, kept = 0, i;

	/* a limit on the size of files is an error like a full disk, not a death */
	signal(SIGXFSZ, SIG_IGN);
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1])
			argv[1 + kept++] = argv[i];
		else if (argv[i][1] == '-')
			i = parse_long(p, argv, i, argc);
		else
			i = parse_letters(p, argv, i, argc);
	}
	for (; i < argc; i++)
		argv[1 + kept++] = argv[i];
	*n = kept;
}
