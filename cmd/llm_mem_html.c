/* llm-mem --html: one page with the headline figures, the parameters, the chart, and what each type comes to at each
 * context. It loads nothing: no scripts, no fonts, no pictures from elsewhere. */
#include <inttypes.h>
#include <string.h>

#include "cli_page.h"
#include "llm_mem_chart.h"
#include "llm_mem_figures.h"

/* The shades of the table of totals, and the table of --explain. */
static const char style[] =
	":root{--f0:#d9f0e1;--f1:#e2f1d8;--f2:#f0f3d3;--f3:#f9eecd;--f4:#fbe3cd;--f5:#fad6cf;--f6:#f5c9cb}\n"
	"@media (prefers-color-scheme:dark){:root{--f0:#12402a;--f1:#27421f;--f2:#3b4119;--f3:#4a3c14;--f4:#523318;--f5:#57291f;"
	"--f6:#5b2229}}\n"
	".f0{background:var(--f0)}.f1{background:var(--f1)}.f2{background:var(--f2)}.f3{background:var(--f3)}"
	".f4{background:var(--f4)}.f5{background:var(--f5)}.f6{background:var(--f6)}\n"
	"td.f0 small,td.f1 small,td.f2 small,td.f3 small,td.f4 small,td.f5 small,td.f6 small{color:var(--ink)}\n"
	".e td,.e th{white-space:normal;vertical-align:top}.e td:nth-child(n+3){text-align:left}.e td:nth-child(2){white-space:nowrap}\n";

static void head(const struct mem_report *r, FILE *f)
{
	char context[32];

	page_head(f, mem_name(r), "memory", style);
	fprintf(f, "<p class=\"s\">");
	cli_print_xml(f, r->view->arch_name);
	if (r->e.layers_known)
		fprintf(f, ", %" PRIu64 " layers", r->e.n_layers);
	if (r->e.context)
		fprintf(f, ", trained for %s tokens", cli_thousands(r->e.context, context));
	fprintf(f, "</p>\n");
}

/* The figures that people ask for first. */
static void headlines(const struct mem_report *r, FILE *f)
{
	const struct fmt_estimate *e = &r->e;
	char text[64], a[32], b[32];
	size_t last = r->n_contexts - 1;

	fprintf(f, "<ul class=\"k\">\n");
	page_headline(f, cli_count(e->total, a), "parameters");
	if (e->n_experts) {
		snprintf(text, sizeof text, "active per token, %" PRIu64 " of %" PRIu64 " experts", e->n_experts_used, e->n_experts);
		page_headline(f, cli_count(e->active, a), text);
	}
	for (size_t i = 0; i < r->n_weights; i++)
		if (i == 0 || !strcmp(r->weights[i].name, "Q4_K_M")) {
			snprintf(text, sizeof text, "weights in %s", r->weights[i].name);
			page_headline(f, cli_bytes(r->weights[i].tensor_bytes, a), text);
		}
	if (e->layers_known && r->token_elems) {
		snprintf(text, sizeof text, "cache at %s tokens, %s", cli_thousands(r->contexts[last], b),
		         fmt_type_info(r->cache.type)->name);
		page_headline(f, cli_bytes(r->kv[r->cache.keep][last], a), text);
	}
	if (r->state)
		page_headline(f, cli_bytes(r->state, a), "state, at any context");
	fprintf(f, "</ul>\n");
}

static void parameters(const struct mem_report *r, FILE *f)
{
	const struct fmt_estimate *e = &r->e;
	char count[32];

	fprintf(f, "<h2>Parameters</h2>\n<div class=\"w\"><table>\n<thead><tr><th>part</th><th>elements</th><th>share</th>"
	        "<th></th></tr></thead>\n<tbody>\n");
	for (int s = 0; s < FMT_SHARE_COUNT; s++) {
		double part = e->total ? 100 * (double)e->by_share[s] / (double)e->total : 0;

		if (e->by_share[s])
			fprintf(f, "<tr><th>%s</th><td>%s</td><td>%.1f%%</td><td class=\"b\"><span style=\"width:%.2f%%\"></span></td></tr>\n",
			        fmt_share_name((enum fmt_share)s), cli_thousands(e->by_share[s], count), part, part);
	}
	fprintf(f, "<tr><th>all</th><td>%s</td><td></td><td class=\"s\" style=\"text-align:left\">%s</td></tr>\n",
	        cli_thousands(e->total, count), e->tied ? "the output matrix is the embedding, counted once" : "");
	if (e->n_experts)
		fprintf(f, "<tr><th>active per token</th><td>%s</td><td></td><td></td></tr>\n", cli_thousands(e->active, count));
	if (e->n_next_layers)
		fprintf(f, "<tr><th>besides</th><td>%s</td><td></td><td class=\"s\" style=\"text-align:left\">multi-token prediction, not "
		        "in the sums</td></tr>\n", cli_thousands(e->next_params, count));
	if (e->other.there)
		fprintf(f, "<tr><th>besides</th><td>%s</td><td></td><td class=\"s\" style=\"text-align:left\">vision part, not in the "
		        "sums</td></tr>\n", e->other.known ? cli_thousands(e->other.params, count) : "not known");
	fprintf(f, "</tbody></table></div>\n");
}

/* One total in a sentence, and as the shade of its cell. */
static void cell(FILE *f, uint64_t bytes, size_t shade, const char *words, const char *what)
{
	char size[32];

	fprintf(f, "<td class=\"f%zu\">%s<small>%s%s</small></td>", shade, cli_bytes(bytes, size), words, what);
}

/* Of the usual sizes of cards the smallest that holds it. */
static void cell_of_size(FILE *f, uint64_t bytes, const struct mem_limit *limits, size_t n_limits)
{
	size_t i = 0;

	while (i < n_limits && limits[i].bytes < bytes)
		i++;
	if (i < n_limits)
		cell(f, bytes, i < 5 ? i : 5, "in ", limits[i].label);
	else
		cell(f, bytes, 6, "more than ", limits[n_limits - 1].label);
}

/* Of --fit and --gpu whether it fits; of several cards that is more than a sum. */
static void cell_of_fit(FILE *f, const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o,
                        uint64_t bytes)
{
	bool fits = r->fit ? mem_fits(r, w, o) : w->fits >= o->context;

	cell(f, bytes, fits ? 0 : 6, fits ? "\xe2\x9c\x93 " : "\xe2\x9c\x97 ", fits ? "fits" : r->fit ? "too large" : "in part");
}

/* What the shades of the cells say. */
static void shades(const struct mem_report *r, FILE *f)
{
	const struct mem_cards *c = &r->cards;
	char have[32], free[32];

	if (r->fit)
		fprintf(f, "; shaded by whether it fits into %s, %s of it left free", cli_bytes(r->fit, have), cli_bytes(r->margin, free));
	else if (!c->o.n_devices)
		fprintf(f, "; each cell says the smallest of the usual sizes of cards that holds it");
	else
		fprintf(f, "; shaded by whether all of it fits on ");
	for (size_t d = 0, n; d < c->o.n_devices; d += n) {
		for (n = 1; d + n < c->o.n_devices && !strcmp(c->name[d + n], c->name[d]);)
			n++;
		fputs(d ? " + " : "", f);
		if (n > 1)
			fprintf(f, "%zu x ", n);
		cli_print_xml(f, (struct fmt_str){ c->name[d], strlen(c->name[d]) });
	}
	if (c->o.n_devices)
		fprintf(f, ", with some of each left free");
}

static bool totals(const struct mem_report *r, FILE *f, struct fmt_err *err)
{
	struct mem_limit limits[MEM_MAX_LIMITS];
	size_t n_limits = mem_limits(r, limits);
	struct fmt_cache_opts o = r->cache;
	char text[32];

	fprintf(f, "<h2>What each type takes</h2>\n<p class=\"s\">");
	mem_print_scope(f, r);
	shades(r, f);
	fprintf(f, "</p>\n<div class=\"w\"><table>\n<thead><tr><th>type</th><th>bits</th><th>weights</th>");
	for (size_t i = 0; i < r->n_contexts; i++)
		fprintf(f, "<th>%s tokens</th>", cli_thousands(r->contexts[i], text));
	fprintf(f, "</tr></thead>\n<tbody>\n");
	for (size_t k = 0; k < r->n_weights; k++) {
		const struct mem_weights *w = &r->weights[k];
		struct mem_sum sum;

		fprintf(f, "<tr><th>%s</th><td>%.2f</td><td>%s</td>", w->name,
		        r->e.total ? 8.0 * (double)w->tensor_bytes / (double)r->e.total : 0, cli_bytes(w->tensor_bytes, text));
		for (size_t i = 0; i < r->n_contexts; i++) {
			o.context = r->contexts[i];
			if (!mem_sum(r, w, &o, &sum, err))
				return false;
			if (mem_asks_fit(r))
				cell_of_fit(f, r, w, &o, sum.total);
			else
				cell_of_size(f, sum.total, limits, n_limits);
		}
		fprintf(f, "</tr>\n");
	}
	fprintf(f, "</tbody></table></div>\n");
	return true;
}

/* Keys that a figure rests on; what was taken for one that is not there stands with it. */
static void keys(const struct figures *x, const struct figure *figure, FILE *f)
{
	struct fmt_origin o;
	bool more = false;

	for (unsigned i = 0; i < FMT_MAX_ORIGINS && fmt_origin_get(x->r->view, i, &o); i++) {
		if (!fmt_origin_in(&figure->used, i))
			continue;
		fputs(more ? ", " : "", f);
		cli_print_xml(f, o.key);
		if (o.given != FMT_GIVEN && o.rule[0])
			fprintf(f, " <em>(%s: %s)</em>", o.given == FMT_NULL ? "null" : "absent", o.rule);
		more = true;
	}
}

/* With --explain. */
static bool products(const struct mem_report *r, FILE *f, struct fmt_err *err)
{
	struct figures x;
	bool ok = figures_init(&x, r, err);
	char count[32];

	fprintf(f, "<h2>Where the figures come from</h2>\n<div class=\"w\"><table class=\"e\">\n<thead><tr><th>figure</th><th></th>"
	        "<th style=\"text-align:left\">product</th>"
	        "<th style=\"text-align:left\">keys of config.json</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; ok && i < x.n; i++) {
		if (x.list[i].plain)
			continue;
		fprintf(f, "<tr><th>%s</th><td>%s%s</td><td>%s</td><td>", x.list[i].title, cli_thousands(x.list[i].value, count),
		        x.list[i].bytes ? " bytes" : "", x.list[i].expression);
		keys(&x, &x.list[i], f);
		fprintf(f, "</td></tr>\n");
	}
	fprintf(f, "</tbody></table></div>\n");
	figures_finish(&x);
	return ok;
}

bool mem_print_html(const struct mem_report *r, FILE *f, struct fmt_err *err)
{
	head(r, f);
	headlines(r, f);
	parameters(r, f);
	fprintf(f, "<h2>Memory over context</h2>\n<p class=\"s\">");
	mem_print_scope(f, r);
	fprintf(f, "%s</p>\n<figure class=\"w\">\n", mem_asks_fit(r) ? "; paler where it does not fit" : "");
	if (!mem_print_svg(r, f, true, err))
		return false;
	fprintf(f, "</figure>\n");
	if (!totals(r, f, err))
		return false;
	fprintf(f, "<p class=\"s\">%s come on top.</p>\n",
	        r->cache.keep == FMT_KEEP_LLAMA_CPP ? "The program itself and its libraries"
	                                            : "A runtime's own buffers and the program itself");
	if (r->explain && !products(r, f, err))
		return false;
	page_foot(f);
	return true;
}
