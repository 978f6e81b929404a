/* Numbers the pieces of a view. See pieces.h. */
#include "pieces.h"

#include <stdlib.h>

uint64_t pieces_cols(const struct fmt_view_tensor *vt)
{
	return vt->n_dims ? vt->dims[vt->n_dims - 1] : 1;
}

uint64_t pieces_rows(const struct fmt_view_tensor *vt)
{
	uint64_t cols = pieces_cols(vt);

	return cols ? vt->n_elems / cols : 0;
}

static uint64_t piece_rows(const struct fmt_view_tensor *vt)
{
	uint64_t cols = pieces_cols(vt);

	return cols && cols < PIECE_ELEMS ? PIECE_ELEMS / cols : 1;
}

bool pieces_init(struct pieces *p, const struct fmt_view *v, struct fmt_err *err)
{
	uint64_t n = 0;

	*p = (struct pieces){ .view = v, .first = calloc(v->n_tensors + 1, sizeof *p->first) };
	if (!p->first)
		return fmt_fail_nomem(err, (v->n_tensors + 1) * sizeof *p->first);
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		uint64_t rows = pieces_rows(&v->tensors[i]), per = piece_rows(&v->tensors[i]);

		p->first[i] = n;
		n += rows / per + (rows % per != 0);
	}
	p->first[v->n_tensors] = n;
	return true;
}

void pieces_finish(struct pieces *p)
{
	free(p->first);
	p->first = NULL;
}

uint64_t pieces_count(const struct pieces *p)
{
	return p->first[p->view->n_tensors];
}

/* The tensor whose pieces include that number: the last that starts at or before it. */
static uint32_t tensor_of(const struct pieces *p, uint64_t number)
{
	uint64_t lo = 0, hi = p->view->n_tensors;

	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (p->first[mid] <= number)
			lo = mid;
		else
			hi = mid;
	}
	return (uint32_t)lo;
}

struct piece piece_at(const struct pieces *p, uint64_t number)
{
	uint32_t i = tensor_of(p, number);
	const struct fmt_view_tensor *vt = &p->view->tensors[i];
	uint64_t per = piece_rows(vt), row = (number - p->first[i]) * per, left = pieces_rows(vt) - row;

	return (struct piece){ .vt = vt, .index = i, .row = row, .n_rows = left < per ? left : per, .cols = pieces_cols(vt) };
}

struct piece piece_first(const struct fmt_view_tensor *vt)
{
	uint64_t rows = pieces_rows(vt), per = piece_rows(vt);

	return (struct piece){ .vt = vt, .n_rows = rows < per ? rows : per, .cols = pieces_cols(vt) };
}
