/* llm-mem --svg: memory over context, a line per type of weights, with the sizes of cards drawn in. No scripts, no network,
 * no fonts of its own; light or dark as the reader's system is. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "llm_mem_chart.h"

/* The drawing, in its own units. */
#define WIDTH 960
#define PLOT_LEFT 76
#define PLOT_RIGHT 776
#define PLOT_HEIGHT 420 /* more where the labels beside it need more */
#define LABEL_STEP 16   /* from one direct label to the next */
#define LEGEND_STEP 114
#define LEGEND_COLUMNS 8

#define STEPS 8         /* points per doubling of the context */
#define MAX_POINTS (44 * STEPS)
#define COLOURS 8       /* lines past these have the same ones, dashed */

struct line {
	double y[MAX_POINTS]; /* in the drawing */
	uint64_t last;        /* bytes at the longest context */
	double label_y;
	uint64_t fits;        /* the longest context here that fits; 0: none does, or it was not asked */
	double fits_y;
};

struct chart {
	const struct mem_report *r;
	FILE *f;
	double legend, top;   /* of its first row; of the plot */
	uint64_t first, last; /* contexts at the ends of the axis */
	uint64_t x[MAX_POINTS];
	size_t n_points;
	struct line lines[MEM_MAX_TYPES];
	struct mem_limit limits[MEM_MAX_LIMITS];
	size_t n_limits;
	uint64_t beside_at, beside; /* a context, and the bytes beside the weights there */
	uint64_t y_step;      /* bytes from one grid line to the next */
	uint64_t y_max;       /* bytes at the upper edge */
	double below;         /* its lower edge */
};

static double x_of(const struct chart *c, uint64_t context)
{
	double span = log2((double)c->last / (double)c->first);

	if (span == 0)
		return PLOT_RIGHT;
	return PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * log2((double)context / (double)c->first) / span;
}

static double y_of(const struct chart *c, uint64_t bytes)
{
	return c->below - (c->below - c->top) * ((double)bytes / (double)c->y_max);
}

/* The axis of contexts: at least six doublings that end at the longest one. */
static void contexts(struct chart *c)
{
	uint64_t first = c->r->contexts[0];

	c->last = c->r->contexts[c->r->n_contexts - 1];
	if (first > c->last / 64)
		first = c->last / 64;
	for (c->first = 1; c->first * 2 <= first;)
		c->first *= 2;
	for (uint64_t octave = c->first; octave <= c->last; octave *= 2)
		for (uint64_t i = 0; i < STEPS && octave + octave * i / STEPS < c->last; i++) {
			uint64_t at = octave + octave * i / STEPS;

			if (!c->n_points || at > c->x[c->n_points - 1])
				c->x[c->n_points++] = at;
		}
	c->x[c->n_points++] = c->last;
}

/* What stands beside the weights is the same for every line, and worked out once for all of them. */
static bool bytes_at(struct chart *c, size_t line, uint64_t context, uint64_t *bytes, struct fmt_err *err)
{
	struct fmt_cache_opts o = c->r->cache;
	struct mem_sum sum;

	o.context = context;
	if (c->beside_at != context) {
		if (!mem_sum(c->r, NULL, &o, &sum, err))
			return false;
		c->beside = sum.total;
		c->beside_at = context;
	}
	*bytes = c->r->weights[line].tensor_bytes + c->beside;
	return *bytes >= c->beside || mem_sum(c->r, &c->r->weights[line], &o, &sum, err); /* it says that it is too large */
}

/* The limit that the upper edge makes room for, above everything that is drawn: one that was asked for; of the usual
 * ones the next if it is near, or the smallest of all if the lines are not pressed flat by it. 0: none. */
static uint64_t limit_above(const struct chart *c, uint64_t most)
{
	for (size_t i = 0; i < c->n_limits; i++)
		if (c->limits[i].bytes >= most)
			return mem_asks_fit(c->r) || (double)c->limits[i].bytes < (i ? 1.4 : 2) * (double)most ? c->limits[i].bytes : 0;
	return 0;
}

static bool scale(struct chart *c, struct fmt_err *err)
{
	uint64_t most = 1, limit;

	for (size_t i = 0; i < c->r->n_weights; i++) {
		if (!bytes_at(c, i, c->last, &c->lines[i].last, err))
			return false;
		most = c->lines[i].last > most ? c->lines[i].last : most;
	}
	limit = limit_above(c, most);
	most = limit > most ? limit : most;
	c->y_step = 1;
	while ((double)most / (double)c->y_step > 8)
		c->y_step *= 2;
	c->y_max = most < UINT64_MAX / 2 ? most + most / 25 : most;
	return true;
}

/* Where the i-th line leaves what fits. */
static bool end_of_fit(struct chart *c, size_t i, struct fmt_err *err)
{
	struct line *l = &c->lines[i];
	uint64_t fits = c->r->weights[i].fits, bytes = 0;

	if (!mem_asks_fit(c->r) || fits < c->first)
		return true;
	l->fits = fits < c->last ? fits : c->last;
	if (!bytes_at(c, i, l->fits, &bytes, err))
		return false;
	l->fits_y = y_of(c, bytes);
	return true;
}

static bool points(struct chart *c, struct fmt_err *err)
{
	for (size_t k = 0; k < c->n_points; k++)
		for (size_t i = 0; i < c->r->n_weights; i++) {
			uint64_t bytes = 0;

			if (!bytes_at(c, i, c->x[k], &bytes, err))
				return false;
			c->lines[i].y[k] = y_of(c, bytes);
		}
	for (size_t i = 0; i < c->r->n_weights; i++)
		if (!end_of_fit(c, i, err))
			return false;
	return true;
}

static const char style[] =
	".mc{--mc-bg:#fff;--mc-ink:#1b1f24;--mc-soft:#5a6472;--mc-grid:#e3e6ea;--mc-axis:#8a93a0;--mc-limit:#a8330f;"
	"--mc-0:#0b5cad;--mc-1:#b4500b;--mc-2:#187a48;--mc-3:#8536ab;--mc-4:#b3262e;--mc-5:#6b6100;--mc-6:#007487;--mc-7:#565c69;"
	"font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:13px}\n"
	"@media (prefers-color-scheme:dark){.mc{--mc-bg:#14171b;--mc-ink:#e8eaed;--mc-soft:#a3adba;--mc-grid:#2a2f36;--mc-axis:#6c7683;"
	"--mc-limit:#ff9d76;--mc-0:#6db3f2;--mc-1:#f2a65e;--mc-2:#5fd39a;--mc-3:#d29bf0;--mc-4:#ff8b87;--mc-5:#d8c64c;--mc-6:#4fd0e0;"
	"--mc-7:#b7bdc9}}\n"
	".mc text{fill:var(--mc-ink)}.mc .t{font-size:18px;font-weight:600}.mc .s{fill:var(--mc-soft)}\n"
	".mc .g{stroke:var(--mc-grid)}.mc .a{stroke:var(--mc-axis)}.mc .n{text-anchor:end}.mc .m{text-anchor:middle}\n"
	".mc .l{stroke:var(--mc-limit);stroke-dasharray:2 3;stroke-width:1.2}\n"
	".mc .lt{fill:var(--mc-limit);font-size:12px;paint-order:stroke;stroke:var(--mc-bg);stroke-width:5px;stroke-linejoin:round}\n"
	".mc .lb{fill:var(--mc-limit);opacity:.13}.mc .e{fill:var(--mc-bg);stroke-width:2}\n"
	".mc .p{fill:none;stroke-width:2.2;stroke-linejoin:round}.mc .q{opacity:.4}.mc .k{fill:none;stroke:var(--mc-soft);stroke-width:.8}\n";

/* The look of the i-th line. */
static void look(const struct chart *c, size_t i)
{
	static const char *const dashes[] = { "", ";stroke-dasharray:7 4", ";stroke-dasharray:2 3", ";stroke-dasharray:10 3 2 3" };

	fprintf(c->f, "style=\"stroke:var(--mc-%zu)%s\"", i % COLOURS, dashes[i / COLOURS % 4]);
}

/* A name that is too long for the title loses its end, at a character. */
static struct fmt_str short_name(struct fmt_str name, size_t most)
{
	if (name.n <= most)
		return name;
	name.n = most;
	while (name.n && ((unsigned char)name.p[name.n] & 0xc0) == 0x80)
		name.n--;
	return name;
}

static void head(const struct chart *c, bool on_page, double height)
{
	struct fmt_str name = mem_name(c->r), title = short_name(name, 64);

	fprintf(c->f, "<svg class=\"mc\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\"", WIDTH, height);
	if (!on_page)
		fprintf(c->f, " width=\"%d\" height=\"%.0f\"", WIDTH, height);
	fprintf(c->f, ">\n<title>Memory over context: ");
	cli_print_xml(c->f, name);
	fprintf(c->f, "</title>\n<desc>");
	mem_print_scope(c->f, c->r);
	fprintf(c->f, "; a line per type of weights, sizes of cards as horizontal lines</desc>\n<style>%s</style>\n", style);
	fprintf(c->f, "<rect width=\"%d\" height=\"%.0f\" style=\"fill:var(--mc-bg)\"/>\n", WIDTH, height);
	if (on_page)
		return;
	fprintf(c->f, "<text class=\"t\" x=\"20\" y=\"32\">");
	cli_print_xml(c->f, title);
	fprintf(c->f, "%s: memory over context</text>\n<text class=\"s\" x=\"20\" y=\"54\">", title.n < name.n ? "..." : "");
	mem_print_scope(c->f, c->r);
	fprintf(c->f, "%s</text>\n", mem_asks_fit(c->r) ? "; paler where it does not fit" : "");
}

static void legend(const struct chart *c)
{
	for (size_t i = 0; i < c->r->n_weights; i++) {
		double x = 20 + LEGEND_STEP * (double)(i % LEGEND_COLUMNS), y = c->legend + 20 * (double)(i / LEGEND_COLUMNS);

		fprintf(c->f, "<path class=\"p\" d=\"M%.1f %.1fh24\" ", x, y - 4);
		look(c, i);
		fprintf(c->f, "/><text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 30, y, c->r->weights[i].name);
	}
}

/* A context as an axis has it: 4K, 160K, 1M; others in full. */
static void context_name(uint64_t n, char *text, size_t size)
{
	if (n >= 1 << 20 && n % (1 << 20) == 0)
		snprintf(text, size, "%" PRIu64 "M", n >> 20);
	else if (n >= 1024 && n % 1024 == 0)
		snprintf(text, size, "%" PRIu64 "K", n >> 10);
	else
		snprintf(text, size, "%" PRIu64, n);
}

static void x_axis(const struct chart *c)
{
	double last = x_of(c, c->last), before = 0;
	char name[32];

	for (uint64_t at = c->first; at <= c->last; at *= 2) {
		double x = x_of(c, at);

		fprintf(c->f, "<path class=\"g\" d=\"M%.1f %.1fV%.1f\"/>\n", x, c->top, c->below);
		if (x - before < 44 || (last - x < 44 && at != c->last))
			continue;
		before = x;
		context_name(at, name, sizeof name);
		fprintf(c->f, "<text class=\"m s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x, c->below + 20, name);
	}
	context_name(c->last, name, sizeof name);
	if (c->last & (c->last - 1))
		fprintf(c->f, "<text class=\"m s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", last, c->below + 20, name);
	fprintf(c->f, "<path class=\"a\" d=\"M%d %.1fH%d\"/>\n<text class=\"m s\" x=\"%d\" y=\"%.1f\">context, tokens</text>\n",
	        PLOT_LEFT, c->below, PLOT_RIGHT, (PLOT_LEFT + PLOT_RIGHT) / 2, c->below + 42);
}

/* Grid lines are powers of two apart, so that their labels are short. */
static void y_axis(const struct chart *c)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0;

	while (unit < 6 && (c->y_max >> 10 * unit) >= 1024)
		unit++;
	for (uint64_t at = 0; at <= c->y_max; at += c->y_step) {
		double y = y_of(c, at);

		fprintf(c->f, "<path class=\"g\" d=\"M%d %.1fH%d\"/>", PLOT_LEFT, y, PLOT_RIGHT);
		fprintf(c->f, "<text class=\"n s\" x=\"%d\" y=\"%.1f\">%g</text>\n", PLOT_LEFT - 8, y + 4.5,
		        (double)at / (double)(UINT64_C(1) << 10 * unit));
		if (at > UINT64_MAX - c->y_step)
			break;
	}
	fprintf(c->f, "<text class=\"n s\" x=\"%d\" y=\"%.1f\">%s</text>\n", PLOT_LEFT - 8, c->top - 10, units[unit]);
}

/* Whether a label at x, y would lie on a line. */
static bool covered(const struct chart *c, double x, double y, double width)
{
	for (size_t i = 0; i < c->r->n_weights; i++)
		for (size_t k = 0; k < c->n_points; k++) {
			double at = x_of(c, c->x[k]);

			if (at > x - 12 && at < x + width + 12 && c->lines[i].y[k] > y - 15 && c->lines[i].y[k] < y + 4)
				return true;
		}
	return false;
}

/* A place for a limit's label that no line crosses: above the limit or below it, as far left as may be. */
static void place(const struct chart *c, double limit_y, double width, double *x, double *y)
{
	static const double beside[] = { -4, 13 };

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
		for (*x = PLOT_LEFT + 8; *x + width < PLOT_RIGHT; *x += 20) {
			*y = limit_y + beside[i];
			if (!covered(c, *x, *y, width))
				return;
		}
	*x = PLOT_LEFT + 8;
	*y = limit_y + beside[0];
}

/* The limits: lines and what is left free of them below everything, labels above it. One that is too near to the one above
 * it is left out. */
static void limits(const struct chart *c, bool label)
{
	double above = c->top - 20;

	for (size_t i = c->n_limits; i-- > 0;) {
		const struct mem_limit *l = &c->limits[i];
		double y = y_of(c, l->bytes), at_x = 0, at_y = 0;

		if (l->bytes > c->y_max || y - above < 15)
			continue;
		above = y;
		if (!label) {
			if (l->margin)
				fprintf(c->f, "<path class=\"lb\" d=\"M%d %.1fH%dV%.1fH%dZ\"/>\n", PLOT_LEFT, y, PLOT_RIGHT,
				        y_of(c, l->bytes - l->margin), PLOT_LEFT);
			fprintf(c->f, "<path class=\"l\" d=\"M%d %.1fH%d\"/>\n", PLOT_LEFT, y, PLOT_RIGHT);
			continue;
		}
		place(c, y, 7.0 * (double)strlen(l->label), &at_x, &at_y);
		fprintf(c->f, "<text class=\"lt\" x=\"%.1f\" y=\"%.1f\">", at_x, at_y);
		cli_print_xml(c->f, (struct fmt_str){ l->label, strlen(l->label) });
		fprintf(c->f, "</text>\n");
	}
}

/* The part of a line that fits, or the rest of it. */
static void part(const struct chart *c, size_t i, bool fits)
{
	const struct line *l = &c->lines[i];
	bool first = true;

	fprintf(c->f, "<path class=\"%s\" ", fits || !mem_asks_fit(c->r) ? "p" : "p q");
	look(c, i);
	fprintf(c->f, " d=\"");
	if (!fits && l->fits) {
		fprintf(c->f, "M%.1f %.1f", x_of(c, l->fits), l->fits_y);
		first = false;
	}
	for (size_t k = 0; k < c->n_points; k++) {
		if (fits ? c->x[k] >= l->fits : c->x[k] <= l->fits)
			continue;
		fprintf(c->f, "%s%.1f %.1f", first ? "M" : "L", x_of(c, c->x[k]), l->y[k]);
		first = false;
	}
	if (fits)
		fprintf(c->f, "%s%.1f %.1f", first ? "M" : "L", x_of(c, l->fits), l->fits_y);
	fprintf(c->f, "\"/>\n");
}

/* What fits, and, paler, what does not; a ring between them. */
static void lines(const struct chart *c)
{
	char tokens[32];

	for (size_t i = 0; i < c->r->n_weights; i++) {
		const struct line *l = &c->lines[i];

		if (l->fits)
			part(c, i, true);
		if (l->fits < c->last)
			part(c, i, false);
	}
	for (size_t i = 0; i < c->r->n_weights; i++) {
		const struct line *l = &c->lines[i];

		if (l->fits && l->fits < c->last)
			fprintf(c->f, "<circle class=\"e\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\" style=\"stroke:var(--mc-%zu)\"><title>"
			        "%s fits up to %s tokens</title></circle>\n", x_of(c, l->fits), l->fits_y, i % COLOURS, c->r->weights[i].name,
			        cli_thousands(l->fits, tokens));
	}
}

/* A dot at each context that was asked for; a browser shows its title. */
static bool dots(struct chart *c, struct fmt_err *err)
{
	char size[32], tokens[32];

	for (size_t i = 0; i < c->r->n_weights; i++)
		for (size_t k = 0; k < c->r->n_contexts; k++) {
			uint64_t context = c->r->contexts[k], bytes = 0;

			if (!bytes_at(c, i, context, &bytes, err))
				return false;
			fprintf(c->f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" style=\"fill:var(--mc-%zu)\"><title>%s at %s tokens: "
			        "%s</title></circle>\n", x_of(c, context), y_of(c, bytes), i % COLOURS, c->r->weights[i].name,
			        cli_thousands(context, tokens), cli_bytes(bytes, size));
		}
	return true;
}

/* Lines from the highest to the lowest at their right end. */
static void by_height(const struct chart *c, size_t *order)
{
	for (size_t i = 0; i < c->r->n_weights; i++) {
		size_t k = i;

		for (; k && c->lines[order[k - 1]].last < c->lines[i].last; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
}

/* Labels beside the ends of the lines, pushed apart: those that touch form a block around the middle of their lines. */
static void place_labels(struct chart *c, const size_t *order)
{
	struct {
		double sum; /* of where the block's first label would be, were each alone */
		size_t n;
	} block[MEM_MAX_TYPES];
	size_t n_blocks = 0, k = 0;

	for (size_t i = 0; i < c->r->n_weights; i++) {
		block[n_blocks].sum = y_of(c, c->lines[order[i]].last);
		block[n_blocks++].n = 1;
		while (n_blocks > 1) {
			double above = block[n_blocks - 2].sum / (double)block[n_blocks - 2].n;
			double below = block[n_blocks - 1].sum / (double)block[n_blocks - 1].n;
			double height = LABEL_STEP * (double)block[n_blocks - 2].n;

			if (above + height <= below)
				break;
			n_blocks--;
			block[n_blocks - 1].sum += block[n_blocks].sum - height * (double)block[n_blocks].n;
			block[n_blocks - 1].n += block[n_blocks].n;
		}
	}
	for (size_t b = 0; b < n_blocks; b++)
		for (size_t i = 0; i < block[b].n; i++)
			c->lines[order[k++]].label_y = block[b].sum / (double)block[b].n + LABEL_STEP * (double)i;
	for (double edge = c->below; k-- > 0; edge = c->lines[order[k]].label_y - LABEL_STEP) /* and none below the axis */
		if (c->lines[order[k]].label_y > edge)
			c->lines[order[k]].label_y = edge;
}

static void labels(struct chart *c)
{
	size_t order[MEM_MAX_TYPES] = { 0 };
	char size[32];

	by_height(c, order);
	place_labels(c, order);
	for (size_t i = 0; i < c->r->n_weights; i++) {
		double y = y_of(c, c->lines[i].last);

		fprintf(c->f, "<path class=\"k\" d=\"M%d %.1fL%d %.1f\"/><text x=\"%d\" y=\"%.1f\">%s</text>", PLOT_RIGHT + 5, y,
		        PLOT_RIGHT + 19, c->lines[i].label_y, PLOT_RIGHT + 23, c->lines[i].label_y + 4.5, c->r->weights[i].name);
		fprintf(c->f, "<text class=\"n s\" x=\"%d\" y=\"%.1f\">%s</text>\n", WIDTH - 12, c->lines[i].label_y + 4.5,
		        cli_bytes(c->lines[i].last, size));
	}
}

bool mem_print_svg(const struct mem_report *r, FILE *f, bool on_page, struct fmt_err *err)
{
	size_t rows = (r->n_weights + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS;
	double labels_height = LABEL_STEP * (double)r->n_weights;
	struct chart c = { .r = r, .f = f, .legend = on_page ? 20 : 78 };

	c.top = c.legend + 22 + 20 * (double)rows;
	c.below = c.top + (PLOT_HEIGHT > labels_height ? PLOT_HEIGHT : labels_height);
	c.n_limits = mem_limits(r, c.limits);
	contexts(&c);
	if (!scale(&c, err) || !points(&c, err))
		return false;
	head(&c, on_page, c.below + 58);
	legend(&c);
	x_axis(&c);
	y_axis(&c);
	limits(&c, false);
	lines(&c);
	if (!dots(&c, err))
		return false;
	limits(&c, true);
	labels(&c);
	fprintf(f, "</svg>\n");
	return true;
}
