# What stands still: a child that does nothing any more is ended, a worker that slept for longer
# than its lease finds its tasks taken, and its film comes once.

use strict;
use warnings;

use lib 't/lib';
use Render::Test;
use Render::Test::Faults;
use Test::More;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;', env => { RENDER_STALL_TIMEOUT => 3 });
my $u = $s->signup;
my $asset = heavy_asset($s, $u, 12);

sub attempts { $s->psql("SELECT max(attempt) FROM render.task WHERE job = '$_[0]' AND kind = 'render_segment'") }

sub tried_again {
    my ($job, $what) = @_;
    return wait_until(sub { attempts($job) > 1 }, 20, $what);
}

subtest 'a child that stands still' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 8));
    my @children = mid_render($s, $job);
    freeze(@children);
    ok tried_again($job, 'another attempt'), 'its task is tried again';
    is_deeply [grep { alive($_) } @children], [], 'the child is gone';
    like $s->log('worker-1'), qr/the render_segment task made no progress for 3 s/, 'the reason is told';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job is completed';
    completed_once($s, $job, 'still');
    film_is($s, $u, $job, 8, 'still');
    is_deeply [temp_files($s)], [], 'no temporary file is left';
};

subtest 'a worker that sleeps for longer than its lease' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 9));
    my @children = mid_render($s, $job);
    my @family = ($s->worker_pids, helpers($s), @children);
    freeze(@family);
    $s->stack(qw(start worker-2));
    ok tried_again($job, 'a claim by another'), 'another has its tasks';
    thaw(@family);
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job is completed';
    completed_once($s, $job, 'slept');
    film_is($s, $u, $job, 9, 'slept');
    is $s->psql("SELECT count(*) FROM render.task WHERE job = '$job' AND status <> 'done'"), 0, 'each task is done, once';
    ok wait_until(sub { !temp_files($s) }, 20, 'the end of what woke up'), 'no temporary file is left';
    is_deeply [grep { !alive($_) } ($s->worker_pids)], [], 'who slept lives on';
};

$s->stop;
done_testing;
