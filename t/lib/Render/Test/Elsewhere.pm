package Render::Test::Elsewhere;

# What nginx leaves to S3, where storage is there.
#
#   my $r = $s->req(GET => "/videos/$id/stream", token => $token);
#   is_elsewhere $r->{redirected}, 'it is sent to S3' if $s->s3;
#   is_gone $r, 'bytes that are not there';          # of both storages

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use Render::Test::Problem;

our @EXPORT = qw(is_elsewhere is_gone);

# A redirect of nginx's that lets whoever has it read one object for a while: one assertion.
sub is_elsewhere {
    my ($r, $what, %want) = @_;
    my ($path, $query) = split /\?/, $r->{headers}{location} // '', 2;
    my %of = map { split /=/, $_, 2 } split /&/, $query // '';
    my @bad;
    push @bad, "status $r->{status}" if $r->{status} != 302;
    push @bad, "to $path" if index($path, "$ENV{AWS_ENDPOINT_URL_S3}/") != 0;
    push @bad, "not the object $want{key}" if defined $want{key} && $path !~ m{/\Q$want{key}\E\z};
    push @bad, 'which is not signed' if ($of{'X-Amz-Signature'} // '') !~ /\A[0-9a-f]{64}\z/;
    my ($for, $most) = ($of{'X-Amz-Expires'} // 'no', $want{expires} // 900);
    push @bad, "for $for s" if $for !~ /\A\d+\z/ || $for > $most || $for < $most - 5;     # of a link that was made before
    push @bad, 'it says something' if length $r->{body};
    my $keep = $r->{headers}{'cache-control'} // '';
    push @bad, 'it may be kept, or is told twice: ' . (ref $keep ? join '; ', @$keep : $keep) if $keep !~ /\A(?:private, )?no-store\z/;
    push @bad, 'it has no id' unless $r->{headers}{'x-request-id'};
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok(!@bad, $what) || diag(join "\n", @bad) && 0;
}

# Bytes that storage does not have. nginx does not ask S3: it is S3 that says so.
sub is_gone {
    my ($r, $what, %want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_problem $r, 404, $what, %want unless $r->{redirected};
    my $said = "$r->{status} " . ($r->{body} =~ m{<Code>(\w+)</Code>} ? $1 : $r->{body});
    return is $said, '404 NoSuchKey', $what;
}

1;
