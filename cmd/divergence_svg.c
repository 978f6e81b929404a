/* Pictures of a divergence: a histogram over its tokens, curves over the layers. See divergence_page.h. */
#include "divergence_page.h"

#include <inttypes.h>
#include <math.h>

/* Drawings, in their own units. */
#define WIDTH 960
#define LEFT 64
#define RIGHT 940
#define TOP 16
#define BELOW 236
#define HEIGHT 284

enum { PER_DECADE = 4, LOWEST = -8, MOST_DECADES = 12 }; /* of divergences; what is smaller is all one */

static void begin(FILE *f, const char *title)
{
	fprintf(f, "<svg class=\"d\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>%s</title>\n", WIDTH,
	        HEIGHT, title);
}

static void axis(FILE *f, const char *text)
{
	fprintf(f, "<path class=\"a\" d=\"M%d %dH%d\"/>\n<text class=\"m s\" x=\"%d\" y=\"%d\">%s</text>\n", LEFT, BELOW, RIGHT,
	        (LEFT + RIGHT) / 2, BELOW + 40, text);
}

/* 10 to the n, as an axis has it: 0.01, 1, or 1e-6. */
static void print_decade(FILE *f, int n)
{
	if (n < -3)
		fprintf(f, "1e%d", n);
	else
		fprintf(f, "%g", pow(10, n));
}

struct histogram {
	uint64_t n[MOST_DECADES * PER_DECADE + 1]; /* the first: below 10^LOWEST */
	uint64_t most;
	int first, n_bins; /* what is drawn: whole decades, from bin `first` on */
};

static void count(struct histogram *h, const struct infer_divergence *d)
{
	int last = 0;

	h->first = MOST_DECADES * PER_DECADE;
	for (uint64_t i = 0; i < d->n; i++) {
		double at = d->kls[i] > 0 ? (log10((double)d->kls[i]) - LOWEST) * PER_DECADE : -1;
		int bin = at < 0 ? 0 : at >= MOST_DECADES * PER_DECADE ? MOST_DECADES * PER_DECADE : 1 + (int)at;

		if (isnan(d->kls[i]))
			continue;
		h->n[bin]++;
		h->most = h->n[bin] > h->most ? h->n[bin] : h->most;
		h->first = bin < h->first ? bin : h->first;
		last = bin > last ? bin : last;
	}
	h->first = h->first ? (h->first - 1) / PER_DECADE * PER_DECADE + 1 : 0;
	last = (last + PER_DECADE - 1) / PER_DECADE * PER_DECADE;
	h->n_bins = last >= h->first + PER_DECADE ? last + 1 - h->first : h->first ? PER_DECADE : PER_DECADE + 1;
}

static double bin_width(const struct histogram *h)
{
	return (double)(RIGHT - LEFT) / h->n_bins;
}

static double x_of_kl(const struct histogram *h, double kl)
{
	double at = (kl > 0 ? 1 + (log10(kl) - LOWEST) * PER_DECADE : 0.5) - h->first;

	return LEFT + bin_width(h) * (at < 0.5 && !h->first ? 0.5 : at < 0 ? 0 : at > h->n_bins ? h->n_bins : at);
}

static void bars(FILE *f, const struct histogram *h)
{
	double width = bin_width(h);

	for (int i = h->first; i < h->first + h->n_bins; i++) {
		double height = (double)(BELOW - TOP - 20) * (double)h->n[i] / (double)h->most;

		if (!h->n[i])
			continue;
		fprintf(f, "<rect class=\"v\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>", LEFT + width * (i - h->first) + 1,
		        BELOW - height, width - 2, height);
		if (i)
			fprintf(f, "%.2g to %.2g", pow(10, LOWEST + (i - 1.0) / PER_DECADE), pow(10, LOWEST + (double)i / PER_DECADE));
		else
			fprintf(f, "below 1e%d", LOWEST);
		fprintf(f, " nats: %" PRIu64 " tokens</title></rect>\n", h->n[i]);
	}
}

/* A line from the top with its name, which stays in the drawing. */
static void mark(FILE *f, const struct histogram *h, double kl, const char *name, bool to_the_left)
{
	double x = x_of_kl(h, kl);

	to_the_left = (to_the_left && x > LEFT + 60) || x > RIGHT - 34;
	fprintf(f, "<path class=\"l\" d=\"M%.1f %dV%d\"/><text class=\"lt%s\" x=\"%.1f\" y=\"%d\">%s</text>\n", x, TOP - 6, BELOW,
	        to_the_left ? " n" : "", to_the_left ? x - 5 : x + 5, TOP + 6, name);
}

void divergence_svg_histogram(FILE *f, struct infer_divergence *d)
{
	struct histogram h = { .most = 0 };

	count(&h, d);
	begin(f, "Tokens by their divergence");
	for (int k = 0; h.most && k * PER_DECADE + 1 <= h.first + h.n_bins; k++) {
		double x = LEFT + bin_width(&h) * (k * PER_DECADE + 1 - h.first);

		if (k * PER_DECADE + 1 < h.first)
			continue;

		fprintf(f, "<path class=\"g\" d=\"M%.1f %dV%d\"/><text class=\"m s\" x=\"%.1f\" y=\"%d\">", x, TOP, BELOW, x, BELOW + 18);
		print_decade(f, LOWEST + k);
		fprintf(f, "</text>\n");
	}
	fprintf(f, "<text class=\"n s\" x=\"%d\" y=\"%d\">%" PRIu64 "</text><path class=\"g\" d=\"M%d %dH%d\"/>\n", LEFT - 8, TOP + 24, h.most,
	        LEFT, TOP + 20, RIGHT);
	if (h.most) {
		bars(f, &h);
		mark(f, &h, infer_divergence_kl_quantile(d, 0.5), "median", true);
		mark(f, &h, infer_divergence_kl_quantile(d, 0.99), "99 %", false);
	}
	axis(f, "KL divergence of a token, nats; the height is the number of tokens");
	fprintf(f, "</svg>\n");
}

struct curves {
	const struct infer_trace *t;
	int low, high; /* powers of ten at the edges */
};

/* Errors that are 0 lie on the lower edge, those without a value on the upper one. */
static double y_of(const struct curves *c, double error)
{
	double part = error > 0 ? (log10(error) - c->low) / (c->high - c->low) : error == 0 ? 0 : 1;

	return BELOW - (BELOW - TOP) * (part < 0 ? 0 : part > 1 ? 1 : part);
}

static double x_of(const struct curves *c, uint32_t layer)
{
	return c->t->n_layers > 1 ? LEFT + 12 + (double)(RIGHT - LEFT - 24) * layer / (c->t->n_layers - 1) : (LEFT + RIGHT) / 2.0;
}

/* The part of a layer with the largest error; NULL where a layer has none. */
static const struct infer_part *worst_part(const struct infer_trace *t, uint32_t layer)
{
	const struct infer_part *worst = NULL;

	for (size_t i = 0; i < t->n_parts; i++)
		if (t->parts[i].layer == (int32_t)layer && (!worst || !(t->parts[i].error <= worst->error)))
			worst = &t->parts[i];
	return worst;
}

static double worst_of(const struct infer_trace *t, uint32_t layer)
{
	const struct infer_part *p = worst_part(t, layer);

	return p ? p->error : 0;
}

static void scale(struct curves *c)
{
	double low = 1, high = 1e-7;

	for (uint32_t i = 0; i < c->t->n_layers; i++) {
		const double errors[2] = { c->t->layers[i].error, worst_of(c->t, i) };

		for (int k = 0; k < 2; k++) {
			low = errors[k] > 0 && errors[k] < low ? errors[k] : low;
			high = isfinite(errors[k]) && errors[k] > high ? errors[k] : high;
		}
	}
	c->high = high < 1e6 ? (int)ceil(log10(high)) : 6;
	c->low = low > 1e-9 ? (int)floor(log10(low)) : -9;
	if (c->high - c->low < 2)
		c->low = c->high - 2;
}

static void curve(FILE *f, const struct curves *c, const char *class, double (*error)(const struct infer_trace *t, uint32_t layer))
{
	fprintf(f, "<path class=\"p %s\" d=\"", class);
	for (uint32_t i = 0; i < c->t->n_layers; i++)
		fprintf(f, "%c%.1f %.1f", i ? 'L' : 'M', x_of(c, i), y_of(c, error(c->t, i)));
	fprintf(f, "\"/>\n");
}

static double after_layer(const struct infer_trace *t, uint32_t layer)
{
	return t->layers[layer].error;
}

static void dots(FILE *f, const struct curves *c)
{
	for (uint32_t i = 0; i < c->t->n_layers && c->t->n_layers <= 512; i++) {
		const struct infer_part *p = worst_part(c->t, i);

		fprintf(f, "<circle class=\"c0\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>after layer %" PRIu32 ": %.3g</title></circle>", x_of(c, i),
		        y_of(c, after_layer(c->t, i)), i, after_layer(c->t, i));
		fprintf(f, "<circle class=\"c1\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>in layer %" PRIu32 ": %.3g", x_of(c, i),
		        y_of(c, worst_of(c->t, i)), i, worst_of(c->t, i));
		if (p && p->tensor) {
			fprintf(f, ", ");
			cli_print_xml(f, p->tensor->name);
		}
		fprintf(f, "</title></circle>\n");
	}
}

void divergence_svg_layers(FILE *f, const struct infer_trace *t)
{
	struct curves c = { .t = t };
	uint32_t step = 1;

	scale(&c);
	while (t->n_layers / step > 24)
		step *= 2;
	begin(f, "Relative error by layer");
	for (int k = c.low; k <= c.high; k++) {
		double y = y_of(&c, pow(10, k));

		fprintf(f, "<path class=\"g\" d=\"M%d %.1fH%d\"/><text class=\"n s\" x=\"%d\" y=\"%.1f\">", LEFT, y, RIGHT, LEFT - 8, y + 4.5);
		print_decade(f, k);
		fprintf(f, "</text>\n");
	}
	for (uint32_t i = 0; i < t->n_layers; i += step)
		fprintf(f, "<text class=\"m s\" x=\"%.1f\" y=\"%d\">%" PRIu32 "</text>\n", x_of(&c, i), BELOW + 18, i);
	curve(f, &c, "k0", after_layer);
	curve(f, &c, "k1", worst_of);
	dots(f, &c);
	axis(f, "layer");
	fprintf(f, "</svg>\n");
}
