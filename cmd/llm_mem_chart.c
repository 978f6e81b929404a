/* llm-mem --svg, --html: what both pictures need, and files that appear whole or not at all. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/sink.h>

#include "llm_mem_chart.h"

#define GIB (UINT64_C(1) << 30)

struct fmt_str mem_name(const struct mem_report *r)
{
	const char *path = r->path;
	size_t n = strlen(path);
	const char *p;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (p = path + n; p > path && p[-1] != '/';)
		p--;
	return (struct fmt_str){ p, (size_t)(path + n - p) };
}

size_t mem_limits(const struct mem_report *r, struct mem_limit *limits)
{
	/* memory of graphics cards on the market, and of two to eight of the largest usual one */
	static const struct mem_limit usual[] = {
		{ "8 GiB", 8 * GIB },   { "12 GiB", 12 * GIB },      { "16 GiB", 16 * GIB },       { "24 GiB", 24 * GIB },
		{ "48 GiB", 48 * GIB }, { "80 GiB", 80 * GIB },      { "2 x 80 GiB", 160 * GIB },  { "4 x 80 GiB", 320 * GIB },
		{ "8 x 80 GiB", 640 * GIB },
	};

	if (r->fit) {
		limits[0].bytes = r->fit;
		cli_bytes(r->fit, limits[0].label);
		return 1;
	}
	memcpy(limits, usual, sizeof usual);
	return sizeof usual / sizeof *usual;
}

void mem_print_scope(FILE *f, const struct mem_report *r)
{
	char n[32];

	if (!r->e.layers_known) {
		fprintf(f, "weights alone: what its layers keep is not known");
		return;
	}
	fprintf(f, "weights + cache in %s", fmt_type_info(r->cache.type)->name);
	if (r->state)
		fprintf(f, " + state");
	fprintf(f, r->cache.keep == FMT_KEEP_LLAMA_CPP ? " + buffers of %s" : " (%s)", mem_keep_name(r, r->cache.keep));
	if (r->cache.sequences > 1)
		fprintf(f, ", %s sequences", cli_thousands(r->cache.sequences, n));
}

static bool print_to(const struct mem_report *r, FILE *f, bool page, struct fmt_err *err)
{
	return page ? mem_print_html(r, f, err) : mem_print_svg(r, f, false, err);
}

bool mem_write_picture(const struct mem_report *r, const char *path, bool page, bool force, struct fmt_err *err)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct fmt_sink *sink = NULL;
	bool ok = f && print_to(r, f, page, err);

	if (f && fclose(f) != 0)
		ok = false;
	if (!ok && !err->code)
		fmt_fail_nomem(err, n);
	if (ok && !strcmp(path, "-")) {
		fwrite(text, 1, n, stdout); /* cli_finish looks whether it could be written */
		free(text);
		return true;
	}
	ok = ok && (sink = fmt_sink_create(path, force, err));
	if (ok && !fmt_sink_write(sink, 0, text, n, err)) {
		fmt_sink_abort(sink);
		ok = false;
	}
	ok = ok && fmt_sink_commit(sink, n, err);
	if (!ok && err->code == FMT_EXISTS)
		strncat(err->msg, " (--force replaces it)", sizeof err->msg - 1 - strlen(err->msg));
	free(text);
	return ok;
}
