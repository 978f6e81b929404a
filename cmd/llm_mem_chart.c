/* llm-mem --svg, --html: what both pictures need, and files that appear whole or not at all. */
#include <inttypes.h>
#include <string.h>

#include "cli_page.h"
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

bool mem_asks_fit(const struct mem_report *r)
{
	return r->fit || r->cards.o.n_devices;
}

/* Each card on top of those before it. Sums past 64 bits are not drawn. */
static size_t card_limits(const struct mem_cards *c, struct mem_limit *limits)
{
	struct mem_limit sum = { .bytes = 0 };
	bool alike = true;

	for (size_t d = 0; d < c->o.n_devices; d++) {
		if (sum.bytes > UINT64_MAX - c->o.memory[d])
			return d;
		sum.bytes += c->o.memory[d];
		sum.margin += c->o.margin[d];
		alike = alike && !strcmp(c->name[d], c->name[0]);
		if (d == 0)
			snprintf(sum.label, sizeof sum.label, "%s", c->name[0]);
		else if (alike)
			snprintf(sum.label, sizeof sum.label, "%zu x %s", d + 1, c->name[0]);
		else
			snprintf(sum.label, sizeof sum.label, "+ %s", c->name[d]);
		limits[d] = sum;
	}
	return c->o.n_devices;
}

size_t mem_limits(const struct mem_report *r, struct mem_limit *limits)
{
	/* memory of graphics cards on the market, and of two to eight of the largest usual one */
	static const struct mem_limit usual[] = {
		{ "8 GiB", 8 * GIB, 0 },   { "12 GiB", 12 * GIB, 0 },      { "16 GiB", 16 * GIB, 0 },       { "24 GiB", 24 * GIB, 0 },
		{ "48 GiB", 48 * GIB, 0 }, { "80 GiB", 80 * GIB, 0 },      { "2 x 80 GiB", 160 * GIB, 0 },  { "4 x 80 GiB", 320 * GIB, 0 },
		{ "8 x 80 GiB", 640 * GIB, 0 },
	};

	if (r->fit) {
		limits[0] = (struct mem_limit){ .bytes = r->fit, .margin = r->margin };
		cli_bytes(r->fit, limits[0].label);
		return 1;
	}
	if (r->cards.o.n_devices)
		return card_limits(&r->cards, limits);
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
	fputs("weights", f);
	if (r->token_elems)
		fprintf(f, " + cache in %s", fmt_type_info(r->cache.type)->name);
	if (r->state)
		fprintf(f, " + state");
	fprintf(f, r->cache.keep == FMT_KEEP_LLAMA_CPP ? " + buffers of %s" : " (%s)", mem_keep_name(r, r->cache.keep));
	if (r->cache.sequences > 1)
		fprintf(f, ", %s sequences", cli_thousands(r->cache.sequences, n));
}

struct picture {
	const struct mem_report *r;
	bool page;
};

static bool print_picture(FILE *f, void *user, struct fmt_err *err)
{
	const struct picture *p = user;

	return p->page ? mem_print_html(p->r, f, err) : mem_print_svg(p->r, f, false, err);
}

bool mem_write_picture(const struct mem_report *r, const char *path, bool page, bool force, struct fmt_err *err)
{
	return page_write(path, force, print_picture, &(struct picture){ r, page }, err);
}
