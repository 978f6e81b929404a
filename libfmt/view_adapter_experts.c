/* Adapters of experts that are one tensor of their module, which PEFT asks for as target_parameters.
 *
 * A has the ranks of expert after expert, [experts * rank, in]; B, [out, rank * experts], has for each rank a column per expert.
 * Neither name says which of the module's tensors is meant: the first is in "experts.base_layer", the last in "experts". The
 * shapes do. Gate and up are one tensor, in halves or in turn. Where a tensor is [experts, out, in], older versions of PEFT take
 * rows for inputs, so that A has `out` columns and B `in` rows; of a square one the shapes of the other tell.
 * Source: PEFT 0.17 to 0.19, tuners/lora/layer.py, ParamWrapper. */
#include <stdio.h>
#include <string.h>

#include "view_adapter.h"

/* A tensor of the GGUF in the parameter that it is a part of. */
struct part {
	uint64_t n, rows, cols; /* in the GGUF: [n, rows, cols] */
	uint64_t out;           /* rows of the whole */
	uint64_t first, step;   /* row r is row first + r * step of it */
	const char *name;       /* of the parameter */
};

static bool has_gate(const struct adapter *a, int32_t layer)
{
	return fmt_view_role(a->base, FMT_ROLE_MOE_GATE, layer) != NULL;
}

/* Checkpoints that have experts one by one are loaded as one tensor all the same: gate before up. */
static struct part part_of(const struct adapter *a, const struct fmt_view_tensor *of, const struct arch_tensor *row)
{
	struct part p = { .n = of->dims[0], .rows = of->dims[1], .cols = of->dims[2], .out = of->dims[1], .step = 1 };
	bool alone = strchr(row->hf, '*') != NULL, down = row->role == FMT_ROLE_MOE_DOWN;
	bool second = row->move == MOVE_SECOND || row->move == MOVE_SECOND_COLUMNS;
	bool in_turn = row->move == MOVE_EVEN_COLUMNS || row->move == MOVE_ODD_COLUMNS;
	bool twice = alone ? !down && has_gate(a, of->layer) : second || in_turn || row->move == MOVE_FIRST || row->move == MOVE_FIRST_COLUMNS;

	p.name = !alone ? strrchr(row->hf, '.') + 1 : down ? "down_proj" : twice ? "gate_up_proj" : "up_proj";
	if (!twice)
		return p;
	p.out = 2 * p.rows;
	if (in_turn)
		p.step = 2;
	if (in_turn)
		p.first = row->move == MOVE_ODD_COLUMNS;
	else if (second || (alone && row->role == FMT_ROLE_MOE_UP))
		p.first = p.rows;
	return p;
}

/* Whether a tensor is [rows, cols]. */
static bool is_matrix(const struct fmt_tensor *t, uint64_t rows, uint64_t cols)
{
	return t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == cols;
}

static bool add_stack(struct adapter *a, const struct fmt_view_tensor *of, const struct part *p, const struct fmt_tensor *ta,
                      const struct fmt_tensor *tb, bool usual, float factor)
{
	uint64_t all = ta->dims[0], rank = all / p->n;
	/* the first element; from expert to expert, row to row, column to column */
	const uint64_t in_a[] = { 0, rank * p->cols, p->cols, 1 }, out_b[] = { p->first * all, 1, p->step * all, p->n };
	const uint64_t in_b[] = { 0, 1, p->n, all }, out_a[] = { p->first, rank * p->out, p->step, p->out };
	uint64_t *steps = fmt_arena_alloc(&a->im->mem, 8, sizeof *steps, a->err);
	struct view_source low = { .tensor = usual ? ta : tb, .n_parts = 1, .steps = steps };
	struct view_source high = { .tensor = usual ? tb : ta, .n_parts = 1, .steps = steps ? steps + 4 : NULL };

	if (!steps)
		return false;
	memcpy(steps, usual ? in_a : in_b, sizeof in_a);
	memcpy(steps + 4, usual ? out_b : out_a, sizeof out_b);
	return adapter_add(a, of, ".lora_a", (const uint64_t[4]){ p->n, rank, p->cols }, 1, low) &&
	       adapter_add(a, of, ".lora_b", (const uint64_t[4]){ p->n, p->rows, rank }, factor, high);
}

static bool is_float(const struct fmt_tensor *t)
{
	return t->type == FMT_F32 || t->type == FMT_F16 || t->type == FMT_BF16;
}

/* Whether the module's other parameter, down of gate and up or these of down, is the unusual way round. */
static bool other_turned(struct adapter *a, const struct part *p, const char *module)
{
	uint64_t in = p->rows, out = p->out == p->rows ? 2 * p->cols : p->cols;
	bool turned = false;

	for (int i = 0; i < 2; i++) {
		const char *inner = i ? ".base_layer" : "";
		char name[VIEW_NAME_BYTES + 60];
		const struct fmt_tensor *ta, *tb;

		snprintf(name, sizeof name, "%s%s.lora_A.weight", module, inner);
		ta = adapter_look(a, name);
		snprintf(name, sizeof name, "%s%s.lora_B.weight", module, inner);
		tb = adapter_look(a, name);
		turned = turned || (ta && tb && in != out && is_matrix(ta, ta->dims[0], out) && is_matrix(tb, in, ta->dims[0]));
	}
	return turned;
}

/* What a module has, if it is of this part. */
static bool add_module(struct adapter *a, const struct fmt_view_tensor *of, const struct part *p, const char *module, const char *inner)
{
	char name[VIEW_NAME_BYTES + 60];
	const struct fmt_tensor *ta, *tb;
	bool usual, turned;
	float factor = 1;
	int n;

	snprintf(name, sizeof name, "%s%s.lora_A.weight", module, inner);
	ta = adapter_look(a, name);
	snprintf(name, sizeof name, "%s%s.lora_B.weight", module, inner);
	tb = ta ? adapter_look(a, name) : NULL;
	if (!tb || ta->n_dims != 2 || !ta->dims[0] || ta->dims[0] % p->n)
		return true;
	usual = is_matrix(ta, ta->dims[0], p->cols) && is_matrix(tb, p->out, ta->dims[0]);
	turned = is_matrix(ta, ta->dims[0], p->out) && is_matrix(tb, p->cols, ta->dims[0]);
	if (!usual && !turned)
		return true;
	if (usual && turned)
		usual = !other_turned(a, p, module);
	if (!is_float(ta) || !is_float(tb))
		return adapter_fail(a, FMT_UNSUPPORTED, is_float(ta) ? tb : ta, "an adapter's tensors are F32, F16 or BF16");
	if (a->peft.dora)
		return adapter_fail(a, FMT_UNSUPPORTED, ta, "magnitudes (use_dora) of experts in one tensor are not known");
	a->used[ta - a->m->tensors] = a->used[tb - a->m->tensors] = true;
	n = snprintf(name, sizeof name, "%s.%s", module, p->name);
	return peft_factor(&a->peft, (struct fmt_str){ name, (size_t)n }, ta->dims[0] / p->n, &factor, a->err) &&
	       add_stack(a, of, p, ta, tb, usual, factor);
}

bool adapter_experts(struct adapter *a, const struct fmt_view_tensor *of, const struct arch_tensor *row)
{
	const char *star = strchr(row->hf, '*'), *dot = star ? star - 1 : strrchr(row->hf, '.');
	char own[VIEW_NAME_BYTES], usual[VIEW_NAME_BYTES];
	struct part p;

	if ((row->role != FMT_ROLE_MOE_GATE && row->role != FMT_ROLE_MOE_UP && row->role != FMT_ROLE_MOE_DOWN) || of->n_dims != 3 || !dot)
		return true;
	p = part_of(a, of, row);
	snprintf(own, sizeof own, "%s%d.%.*s", a->base->arch->layer_prefix, (int)of->layer, (int)(dot - row->hf), row->hf);
	/* transformers 5 has some under another name than the checkpoint */
	snprintf(usual, sizeof usual, "%s%d.mlp.experts", a->base->arch->layer_prefix, (int)of->layer);
	for (int i = 0; i < 4; i++)
		if ((i < 2 || (star && strcmp(own, usual))) && !add_module(a, of, &p, i < 2 ? own : usual, i % 2 ? ".base_layer" : ""))
			return false;
	return true;
}
