#include "attend.h"

ATTEND(96)
