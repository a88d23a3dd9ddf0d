#include "attend.h"

ATTEND(32)
