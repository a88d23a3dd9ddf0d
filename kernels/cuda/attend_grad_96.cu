#include "attend_grad.h"

ATTEND_GRAD(96)
