-- The best of all evaluations of a training, as some papers report it (SynFlow's: the highest test accuracy of all epochs). On
-- the test set it is chosen by the test set: a number to lay beside such papers, and no result of anything.
create view best_over_training as
select sweep, trial, seed, branch, kind, copy, round, metric, split, unit, direction,
       case direction when 'higher' then max(value) else min(value) end as value, count(value) as evaluations
from metric
where split <> 'train'
group by sweep, trial, seed, branch, kind, copy, round, metric, split, unit, direction;
comment on view best_over_training is 'one row per round and measure: the best of all evaluations, on the test set chosen by the test set';
