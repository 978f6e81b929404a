/* The page: verdict, figures, pictures, tables. See divergence_page.h. */
#include "divergence_page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli_page.h"

enum { MOST_SHOWN = 12, MOST_NAME = 80 };

/* Shades are one hue, from the panel's to a strong one; what departs has an edge of another. */
static const char style[] =
	":root{--good:#187a48;--bad:#b3262e;--c0:#0b5cad;--c1:#b4500b;--h0:#f0f1f3;--h1:#e3eef9;--h2:#cfe1f3;--h3:#b0cfea;"
	"--h4:#86b6dc;--h5:#5a97c8;--h6:#3576ae;--h7:#1a548a;--h8:#0b2f57}\n"
	"@media (prefers-color-scheme:dark){:root{--good:#5fd39a;--bad:#ff8b87;--c0:#6db3f2;--c1:#f2a65e;--h0:#20252c;--h1:#1b3047;"
	"--h2:#1d3f60;--h3:#21517d;--h4:#2d689c;--h5:#4384bd;--h6:#66a5da;--h7:#97c8ef;--h8:#d4ebff}}\n"
	".h0{fill:var(--h0)}.h1{fill:var(--h1)}.h2{fill:var(--h2)}.h3{fill:var(--h3)}.h4{fill:var(--h4)}.h5{fill:var(--h5)}"
	".h6{fill:var(--h6)}.h7{fill:var(--h7)}.h8{fill:var(--h8)}.x{stroke:var(--bad);stroke-width:2}\n"
	".q{font-size:20px;margin:18px 0 6px}.o{color:var(--good)}.z{color:var(--bad)}\n"
	".d{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:13px}.d text{fill:var(--ink)}"
	".d .s{fill:var(--soft)}.d .g{stroke:var(--line)}.d .a{stroke:var(--soft)}.d .n{text-anchor:end}.d .m{text-anchor:middle}"
	".d .v{fill:var(--bar)}.d .l{stroke:var(--c1);stroke-dasharray:3 3}.d .lt{fill:var(--c1)}"
	".d .p{fill:none;stroke-width:2;stroke-linejoin:round}.k0{stroke:var(--c0)}.k1{stroke:var(--c1)}.c0{fill:var(--c0)}.c1{fill:var(--c1)}\n"
	"figure+.w{margin-top:12px}.y{display:inline-block;width:14px;height:14px;border-radius:3px;margin:0 5px 0 14px;vertical-align:-2px}\n";

static struct fmt_str str(const char *s)
{
	return (struct fmt_str){ s, strlen(s) };
}

/* The last part of a path. */
static struct fmt_str base_name(const char *path)
{
	size_t n = strlen(path), at;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (at = n; at > 0 && path[at - 1] != '/';)
		at--;
	return (struct fmt_str){ path + at, n - at };
}

static void print_name(FILE *f, struct fmt_str name)
{
	cli_print_xml(f, (struct fmt_str){ name.p, name.n < MOST_NAME ? name.n : MOST_NAME });
}

static void subject(FILE *f, const struct divergence_page *page)
{
	fprintf(f, "<p class=\"s\">beside ");
	cli_print_xml(f, str(page->reference));
	if (page->d) {
		fprintf(f, ": %" PRIu64 " tokens of ", page->d->n);
		cli_print_xml(f, str(page->text));
		fprintf(f, ", in %" PRIu64 " window%s of %" PRIu32, page->windows->n_windows, page->windows->n_windows == 1 ? "" : "s",
		        page->windows->size);
	}
	fprintf(f, "</p>\n");
}

static uint64_t tensors_that_depart(const struct divergence_page *page)
{
	uint64_t n = 0;

	for (uint64_t i = 0; page->errors && i < page->view->n_tensors; i++)
		n += divergence_departs(page, i);
	return n;
}

static void finding(FILE *f, bool good, const char *text)
{
	fprintf(f, "<p class=\"%s\">%s %s</p>\n", good ? "o" : "z", good ? "\xe2\x9c\x93" : "\xe2\x9c\x97", text);
}

static void verdict(FILE *f, const struct divergence_page *page)
{
	uint64_t n = tensors_that_depart(page);
	char text[160];

	if (page->d)
		fprintf(f, "<p class=\"q\"><b>%s</b></p>\n", divergence_verdict(page->d));
	else
		fprintf(f, "<p class=\"q\"><b>not run</b></p>\n");
	for (size_t i = 0; i < page->n_limits; i++) {
		const struct limit *l = &page->limits[i];

		snprintf(text, sizeof text, "--%s %g %s: %.6g", l->name, l->allowed, l->holds ? "holds" : "does not hold", l->found);
		finding(f, l->holds, text);
	}
	if (page->errors) {
		snprintf(text, sizeof text, "%" PRIu64 " of %" PRIu64 " tensors are further off than rounding to their types explains", n,
		         page->view->n_tensors);
		finding(f, n == 0, n ? text : "no tensor is further off than rounding to its type explains");
	}
	if (page->trace) {
		snprintf(text, sizeof text, "%zu of %zu operations are further off than rounding explains", page->trace->n_departs,
		         page->trace->n_parts);
		finding(f, !page->trace->n_departs, page->trace->n_departs ? text : "no operation is further off than rounding explains");
	}
}

static void headlines(FILE *f, const struct divergence_page *page)
{
	struct infer_divergence *d = page->d;
	char value[48], what[80];

	if (!d)
		return;
	fprintf(f, "<ul class=\"k\">\n");
	snprintf(value, sizeof value, "%.3g", infer_sum_mean(&d->kl));
	snprintf(what, sizeof what, "mean KL divergence, nats, &#177; %.2g", infer_sum_error(&d->kl));
	page_headline(f, value, what);
	snprintf(value, sizeof value, "%.2f %%", divergence_percent(d, d->n_same_top));
	page_headline(f, value, "same most likely token");
	snprintf(value, sizeof value, "%.4g", infer_perplexity(&d->nll));
	snprintf(what, sizeof what, "perplexity; %.4g of the reference", infer_perplexity(&d->base));
	page_headline(f, value, what);
	snprintf(value, sizeof value, "%.3g", infer_divergence_kl_quantile(d, 0.99));
	snprintf(what, sizeof what, "99 %% of tokens diverge less; largest %.3g", infer_divergence_kl_quantile(d, 1));
	page_headline(f, value, what);
	fprintf(f, "</ul>\n");
}

static void missing(FILE *f, const char *why)
{
	fprintf(f, "<p class=\"s\">Not there: ");
	cli_print_xml(f, str(why ? why : "it was not measured"));
	fprintf(f, "</p>\n");
}

static void divergences(FILE *f, const struct divergence_page *page)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "median", 0.5 }, { "90 %", 0.9 }, { "95 %", 0.95 }, { "99 %", 0.99 }, { "99.9 %", 0.999 }, { "largest", 1 } };
	const size_t n = sizeof quantiles / sizeof *quantiles;

	fprintf(f, "<h2>Predictions</h2>\n");
	if (!page->d) {
		missing(f, page->no_divergence);
		return;
	}
	fprintf(f, "<figure class=\"w\">\n");
	divergence_svg_histogram(f, page->d);
	fprintf(f, "</figure>\n<div class=\"w\"><table>\n<thead><tr><th>tokens below</th>");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "<th>%s</th>", quantiles[i].name);
	fprintf(f, "</tr></thead>\n<tbody><tr><th>KL divergence</th>");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "<td>%.3g</td>", infer_divergence_kl_quantile(page->d, quantiles[i].q));
	fprintf(f, "</tr></tbody></table></div>\n");
}

static void print_part(FILE *f, const struct infer_part *p)
{
	if (p->tensor)
		print_name(f, p->tensor->name);
	else if (p->layer >= 0)
		fprintf(f, "layer %" PRId32 ": %s", p->layer, p->op);
	else
		fprintf(f, "%s", p->op);
}

static void departing_parts(FILE *f, const struct infer_trace *t)
{
	size_t shown = 0;

	if (!t->n_departs)
		return;
	fprintf(f, "<div class=\"w\"><table>\n<thead><tr><th>operation, in the order of computing</th><th>error</th><th>explained</th>"
	        "<th>cosine</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < t->n_parts && shown < MOST_SHOWN; i++) {
		const struct infer_part *p = &t->parts[i];

		if (!p->departs)
			continue;
		fprintf(f, "<tr><th>");
		print_part(f, p);
		fprintf(f, "</th><td>%.3g</td><td>%.3g</td><td>%.6f</td></tr>\n", p->error, p->limit, p->cosine);
		shown++;
	}
	fprintf(f, "</tbody></table></div>\n");
	if (t->n_departs > shown)
		fprintf(f, "<p class=\"s\">and %zu more</p>\n", t->n_departs - shown);
}

static void layers(FILE *f, const struct divergence_page *page)
{
	fprintf(f, "<h2>Layers</h2>\n");
	if (!page->trace) {
		missing(f, page->no_trace);
		return;
	}
	fprintf(f, "<p class=\"s\">relative error on 64 tokens at most:<span class=\"y\" style=\"background:var(--c0)\"></span>of the hidden state after "
	        "the layer<span class=\"y\" style=\"background:var(--c1)\"></span>of what is furthest off in it, given "
	        "right inputs</p>\n<figure class=\"w\">\n");
	divergence_svg_layers(f, page->trace);
	fprintf(f, "</figure>\n");
	departing_parts(f, page->trace);
}

static void legend(FILE *f)
{
	static const char *const shades[HEAT_SHADES] = { "0", "more", "1e-4", "1e-3", "0.005", "0.02", "0.05", "0.1", "0.3" };

	fprintf(f, "<p class=\"s\">relative error from");
	for (int i = 0; i < HEAT_SHADES; i++)
		fprintf(f, "<span class=\"y\" style=\"background:var(--h%d)\"></span>%s", i, shades[i]);
	fprintf(f, "<span class=\"y\" style=\"border:2px solid var(--bad);width:10px;height:10px\"></span>more than explained</p>\n");
}

/* The tensors with the largest errors, the largest first; of equal ones the earlier. */
static size_t furthest(const struct divergence_page *page, uint64_t *list)
{
	size_t n = 0;

	for (uint64_t i = 0; i < page->view->n_tensors; i++) {
		double error = quant_error_relative(&page->errors[i]);
		size_t k = n;

		if (error == 0)
			continue;
		while (k && !(error <= quant_error_relative(&page->errors[list[k - 1]])))
			k--;
		if (k == MOST_SHOWN)
			continue;
		n += n < MOST_SHOWN;
		memmove(&list[k + 1], &list[k], (n - k - 1) * sizeof *list);
		list[k] = i;
	}
	return n;
}

static void worst_tensors(FILE *f, const struct divergence_page *page)
{
	uint64_t list[MOST_SHOWN] = { 0 };
	size_t n = furthest(page, list);

	if (!n)
		return;
	fprintf(f, "<div class=\"w\"><table>\n<thead><tr><th>furthest off</th><th>from</th><th>to</th><th>error</th><th>explained</th>"
	        "<th>largest difference</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < n; i++) {
		const struct fmt_view_tensor *t = &page->view->tensors[list[i]];

		fprintf(f, "<tr><th>");
		print_name(f, t->name);
		fprintf(f, "</th><td>%s</td><td>%s</td><td%s>%.3g</td><td>%.3g</td><td>%.3g</td></tr>\n", fmt_type_info(t->type)->name,
		        fmt_type_info(page->types[list[i]])->name, divergence_departs(page, list[i]) ? " class=\"z\"" : "",
		        quant_error_relative(&page->errors[list[i]]), divergence_explained(page, list[i]),
		        page->errors[list[i]].largest);
	}
	fprintf(f, "</tbody></table></div>\n");
}

static bool tensors(FILE *f, const struct divergence_page *page, struct fmt_err *err)
{
	fprintf(f, "<h2>Tensors</h2>\n");
	if (!page->errors) {
		missing(f, page->no_errors);
		return true;
	}
	legend(f);
	fprintf(f, "<figure class=\"w\">\n");
	if (!divergence_svg_heat(f, page, err))
		return false;
	fprintf(f, "</figure>\n");
	worst_tensors(f, page);
	return true;
}

static bool print(FILE *f, void *user, struct fmt_err *err)
{
	const struct divergence_page *page = user;

	page_head(f, base_name(page->model), "divergence", style);
	subject(f, page);
	verdict(f, page);
	headlines(f, page);
	divergences(f, page);
	layers(f, page);
	if (!tensors(f, page, err))
		return false;
	page_foot(f);
	return true;
}

bool divergence_page_write(struct divergence_page *page, const char *path, bool force, struct fmt_err *err)
{
	return page_write(path, force, print, page, err);
}
