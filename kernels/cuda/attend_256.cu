#include "attend.h"

ATTEND(256)
