/* Tensors by kind and layer, each a field shaded by its error. See divergence_page.h. */
#include "divergence_page.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The drawing, in its own units; and how many fields there are at most, so that a page stays small whatever a file claims. */
#define WIDTH 960
#define LEFT 190
#define RIGHT 940
#define TOP 10
#define ROW 19
enum { MOST_ROWS = 48, MOST_COLUMNS = 160, MOST_TITLES = 3000 };

struct field {
	double error;
	uint64_t tensor;  /* the one with that error */
	bool there, departs;
};

struct row {
	struct fmt_str kind; /* what stands behind "blk.N."; of a tensor outside of the layers all of its name */
	bool layers;
	struct field fields[MOST_COLUMNS]; /* one, outside of the layers */
};

struct heat {
	struct row *rows;
	size_t n_rows, n_left_out, n_titles;
	uint32_t per, n_columns; /* layers of a column */
};

int divergence_shade(double error)
{
	static const double bounds[HEAT_SHADES - 2] = { 1e-4, 1e-3, 5e-3, 2e-2, 5e-2, 0.1, 0.3 };
	int i = 0;

	if (error == 0)
		return 0;
	while (i < HEAT_SHADES - 2 && error >= bounds[i])
		i++;
	return isnan(error) ? HEAT_SHADES - 1 : i + 1;
}

double divergence_explained(const struct divergence_page *page, uint64_t tensor)
{
	return quant_error_explained(&page->view->tensors[tensor], page->lora, page->types[tensor]);
}

bool divergence_departs(const struct divergence_page *page, uint64_t tensor)
{
	return !(quant_error_relative(&page->errors[tensor]) <= divergence_explained(page, tensor));
}

static struct fmt_str kind_of(const struct fmt_view_tensor *t)
{
	struct fmt_str name = t->name;
	size_t dots = 0, i = 0;

	while (t->layer >= 0 && i < name.n && dots < 2)
		dots += name.p[i++] == '.';
	return (struct fmt_str){ name.p + i, name.n - i };
}

static struct row *row_of(struct heat *h, const struct fmt_view_tensor *t)
{
	struct fmt_str kind = kind_of(t);

	for (size_t i = 0; i < h->n_rows; i++)
		if (h->rows[i].layers == (t->layer >= 0) && fmt_str_eq(h->rows[i].kind, kind))
			return &h->rows[i];
	if (h->n_rows == MOST_ROWS)
		return NULL;
	h->rows[h->n_rows] = (struct row){ .kind = kind, .layers = t->layer >= 0 };
	return &h->rows[h->n_rows++];
}

static void add(struct heat *h, const struct divergence_page *page, uint64_t tensor)
{
	const struct fmt_view_tensor *t = &page->view->tensors[tensor];
	double error = quant_error_relative(&page->errors[tensor]);
	struct row *row = row_of(h, t);
	struct field *field;

	if (!row) {
		h->n_left_out++;
		return;
	}
	field = &row->fields[t->layer >= 0 ? (uint32_t)t->layer / h->per : 0];
	if (!field->there || !(error <= field->error)) {
		field->error = error;
		field->tensor = tensor;
	}
	field->there = true;
	field->departs = field->departs || divergence_departs(page, tensor);
}

static bool fill(struct heat *h, const struct divergence_page *page, struct fmt_err *err)
{
	uint32_t n_layers = 1;

	for (uint64_t i = 0; i < page->view->n_tensors; i++)
		if (page->view->tensors[i].layer >= 0 && (uint32_t)page->view->tensors[i].layer >= n_layers)
			n_layers = (uint32_t)page->view->tensors[i].layer + 1;
	h->per = (n_layers + MOST_COLUMNS - 1) / MOST_COLUMNS;
	h->n_columns = (n_layers + h->per - 1) / h->per;
	h->rows = calloc(MOST_ROWS, sizeof *h->rows);
	if (!h->rows)
		return fmt_fail_nomem(err, MOST_ROWS * sizeof *h->rows);
	for (uint64_t i = 0; i < page->view->n_tensors; i++)
		add(h, page, i);
	return true;
}

static void draw_field(FILE *f, struct heat *h, const struct divergence_page *page, const struct field *x, double at, double width,
                       size_t row)
{
	fprintf(f, "<rect class=\"h%d%s\" x=\"%.1f\" y=\"%zu\" width=\"%.1f\" height=\"%d\"", divergence_shade(x->error), x->departs ? " x" : "",
	        at, TOP + ROW * row, width, ROW - 2);
	if (h->n_titles++ >= MOST_TITLES) {
		fprintf(f, "/>\n");
		return;
	}
	fprintf(f, "><title>");
	cli_print_xml(f, page->view->tensors[x->tensor].name);
	fprintf(f, ", %s: %.3g</title></rect>\n", fmt_type_info(page->types[x->tensor])->name, x->error);
}

static void draw_row(FILE *f, struct heat *h, const struct divergence_page *page, size_t i)
{
	const struct row *r = &h->rows[i];
	double width = (double)(RIGHT - LEFT) / h->n_columns;
	struct fmt_str name = r->kind;

	if (name.n > 7 && !memcmp(name.p + name.n - 7, ".weight", 7))
		name.n -= 7;
	fprintf(f, "<text class=\"n\" x=\"%d\" y=\"%zu\">", LEFT - 8, TOP + ROW * i + 13);
	cli_print_xml(f, (struct fmt_str){ name.p, name.n < 26 ? name.n : 26 });
	fprintf(f, "</text>\n");
	if (!r->layers)
		draw_field(f, h, page, &r->fields[0], LEFT, RIGHT - LEFT, i);
	for (uint32_t k = 0; r->layers && k < h->n_columns; k++)
		if (r->fields[k].there)
			draw_field(f, h, page, &r->fields[k], LEFT + width * k, width > 6 ? width - 2 : width, i);
}

static void draw_axis(FILE *f, const struct heat *h, double y)
{
	double width = (double)(RIGHT - LEFT) / h->n_columns;
	uint32_t step = 1;

	while (h->n_columns / step > 24)
		step *= 2;
	for (uint32_t k = 0; k < h->n_columns; k += step)
		fprintf(f, "<text class=\"m s\" x=\"%.1f\" y=\"%.0f\">%" PRIu32 "</text>\n", LEFT + width * (k + 0.5), y + 14, k * h->per);
	fprintf(f, "<text class=\"m s\" x=\"%d\" y=\"%.0f\">layer</text>\n", (LEFT + RIGHT) / 2, y + 34);
}

bool divergence_svg_heat(FILE *f, const struct divergence_page *page, struct fmt_err *err)
{
	struct heat h = { .n_rows = 0 };
	double below;

	if (!fill(&h, page, err))
		return false;
	below = TOP + ROW * (double)h.n_rows;
	fprintf(f, "<svg class=\"d\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\">\n"
	        "<title>Tensors by kind and layer, shaded by their relative error</title>\n", WIDTH, below + 44);
	for (size_t i = 0; i < h.n_rows; i++)
		draw_row(f, &h, page, i);
	draw_axis(f, &h, below);
	fprintf(f, "</svg>\n");
	if (h.n_left_out)
		fprintf(f, "<p class=\"s\">%zu tensors more of other kinds are not drawn.</p>\n", h.n_left_out);
	free(h.rows);
	return true;
}
