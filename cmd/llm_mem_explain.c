/* llm-mem --explain: every figure as its product, with the keys of config.json that it rests on and what was taken for
 * those that are not there. */
#include <inttypes.h>
#include <string.h>

#include "llm_mem_figures.h"

static void value_of(const struct fmt_origin *o, char *text, size_t size)
{
	if (o->unset)
		snprintf(text, size, "none");
	else if (o->flag)
		snprintf(text, size, "%s", o->value ? "true" : "false");
	else
		snprintf(text, size, "%" PRIu64, o->value);
}

/* The tensors that make a share, with their shapes in config.json's words. */
static void tensors(const struct figures *x, const struct figure *f)
{
	for (size_t i = 0; i < x->kinds.n; i++) {
		const struct fmt_tensor_kind *k = &x->kinds.kinds[i];
		struct fmt_origin_set ignored = { { 0 } };
		char line[4 * FMT_TERMS_BYTES] = "", term[FMT_TERMS_BYTES];

		if ((int)k->share != f->share || !x->r->view->from_dir)
			continue;
		for (uint32_t d = 0; d < k->first->n_dims; d++) {
			strcat(line, d ? " x " : "");
			strcat(line, fmt_explain_dim(x->r->view, k->first, d, term, &ignored));
		}
		printf("    ");
		cli_print_str(stdout, k->name);
		printf("%*s", k->name.n < 26 ? 26 - (int)k->name.n : 1, "");
		cli_print_wrapped(stdout, line, k->name.n < 26 ? 30 : 5 + (int)k->name.n, 30);
	}
}

/* The keys behind a figure, in a line. */
static void rests_on(const struct figures *x, const struct figure *f)
{
	char line[1024] = "from ";
	struct fmt_origin o;
	size_t n = strlen(line);

	for (unsigned i = 0; i < FMT_MAX_ORIGINS && fmt_origin_get(x->r->view, i, &o); i++)
		if (fmt_origin_in(&f->used, i) && n < sizeof line)
			n += (size_t)snprintf(line + n, sizeof line - n, "%s%.*s", n > 5 ? ", " : "", (int)o.key.n, o.key.p);
	if (n == 5)
		return;
	printf("    ");
	cli_print_wrapped(stdout, line, 4, 6);
}

/* How many tensors are of which type. */
static void types(const struct mem_weights *w)
{
	char line[1024] = "tensors:";
	size_t n = strlen(line);

	for (int t = 0; t < FMT_TYPE_COUNT && n < sizeof line; t++) {
		const struct fmt_type_info *type = fmt_type_info((enum fmt_type)t);

		if (w->tensors_of[t])
			n += (size_t)snprintf(line + n, sizeof line - n, "%s%" PRIu32 " %s (%.4g bits)", n > 8 ? ", " : " ",
			                      w->tensors_of[t], type->name, 8.0 * type->block_bytes / type->block_elems);
	}
	printf("    ");
	cli_print_wrapped(stdout, line, 4, 6);
}

static void figure(const struct figures *x, const struct figure *f)
{
	char count[32], size[32];

	printf("\n%s: %s %s", f->title, cli_thousands(f->value, count), f->bytes ? "bytes" : "elements");
	if (f->bytes)
		printf(" (%s)", cli_bytes(f->value, size));
	printf("\n  = ");
	cli_print_wrapped(stdout, f->expression, 4, 6);
	if (f->share >= 0)
		tensors(x, f);
	else if (f->weights)
		types(f->weights);
	else
		rests_on(x, f);
}

/* Every number that a figure rests on, and where it came from. */
static void numbers(const struct figures *x)
{
	struct fmt_origin o;
	bool any = false;

	for (unsigned i = 0; i < FMT_MAX_ORIGINS && fmt_origin_get(x->r->view, i, &o); i++) {
		bool used = false;
		char value[32], text[200] = "";
		int column;

		for (size_t k = 0; k < x->n; k++)
			used = used || fmt_origin_in(&x->list[k].used, i);
		if (!used)
			continue;
		if (!any)
			printf("\nnumbers of config.json\n");
		any = true;
		value_of(&o, value, sizeof value);
		column = printf("  %-25.*s %7s%s", (int)o.key.n, o.key.p, value, o.given == FMT_GIVEN ? "" : "  ");
		if (o.given != FMT_GIVEN)
			snprintf(text, sizeof text, "%s: %s", o.given == FMT_NULL ? "null" : "absent",
			         o.rule[0] ? o.rule : "not in this model");
		cli_print_wrapped(stdout, text, column, 37);
	}
}

static void json_origin(struct cli_json *j, const struct fmt_origin *o)
{
	if (o->flag)
		cli_json_bool(j, "value", o->value);
	else if (!o->unset)
		cli_json_u64(j, "value", o->value);
}

static void json_figure(struct cli_json *j, const struct figures *x, const struct figure *f)
{
	struct fmt_origin o;

	cli_json_object(j, NULL);
	cli_json_cstr(j, "figure", f->name);
	cli_json_u64(j, f->bytes ? "bytes" : "count", f->value);
	cli_json_cstr(j, "expression", f->expression);
	cli_json_array(j, "keys");
	for (unsigned i = 0; i < FMT_MAX_ORIGINS && fmt_origin_get(x->r->view, i, &o); i++) {
		if (!fmt_origin_in(&f->used, i) || o.given != FMT_GIVEN)
			continue;
		cli_json_object(j, NULL);
		cli_json_str(j, "key", o.key);
		json_origin(j, &o);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	cli_json_array(j, "assumed");
	for (unsigned i = 0; i < FMT_MAX_ORIGINS && fmt_origin_get(x->r->view, i, &o); i++) {
		if (!fmt_origin_in(&f->used, i) || o.given == FMT_GIVEN)
			continue;
		cli_json_object(j, NULL);
		cli_json_str(j, "key", o.key);
		json_origin(j, &o);
		cli_json_cstr(j, "key_is", o.given == FMT_NULL ? "null" : "absent");
		cli_json_cstr(j, "rule", o.rule);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}

bool mem_explain(const struct mem_report *r, struct cli_json *j, struct fmt_err *err)
{
	struct figures x;
	bool ok = figures_init(&x, r, err);

	if (ok && j) {
		cli_json_array(j, "explain");
		for (size_t i = 0; i < x.n; i++)
			json_figure(j, &x, &x.list[i]);
		cli_json_close(j, ']');
	} else if (ok) {
		printf("\nwhere the figures come from (a total: weights and what is beside them)\n");
		for (size_t i = 0; i < x.n; i++)
			if (!x.list[i].plain)
				figure(&x, &x.list[i]);
		numbers(&x);
	}
	figures_finish(&x);
	return ok;
}
