package Render::Test::Problem;

# What every refusal looks like: problem+json (RFC 9457) with the request's id.
#
#   is_problem $s->req(GET => '/nowhere'), 404, 'an unknown path';
#   is_problem $r, 422, 'a slip', pointer => '/timeline/widht', detail => qr/did you mean "width"/;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

our @EXPORT = qw(is_problem);

# is_problem($answer, $status, $what, pointer => ..., detail => qr//): one assertion. With
# pointer the detail is that of the error there, else that of the whole. True if all is well.
sub is_problem {
    my ($r, $status, $what, %want) = @_;
    my @bad;
    my $j  = ref $r->{json} eq 'HASH' ? $r->{json} : {};
    my $id = $r->{headers}{'x-request-id'};
    push @bad, "status $r->{status}, not $status" if $r->{status} != $status;
    push @bad, 'content type ' . ($r->{headers}{'content-type'} || 'none')
        if ($r->{headers}{'content-type'} || '') ne 'application/problem+json';
    push @bad, 'no "title"' unless length($j->{title} || '');
    push @bad, 'no "detail"' unless length($j->{detail} || '');
    push @bad, 'another "status"' unless ($j->{status} || '') eq $status;
    push @bad, 'no X-Request-Id' unless length($id || '');
    push @bad, '"instance" is not X-Request-Id' unless ($j->{instance} || '') eq ($id || '-');

    my $said = $j->{detail};
    if (defined $want{pointer}) {
        my @there = grep { $_->{pointer} eq $want{pointer} } @{ $j->{errors} || [] };
        push @bad, "no error at $want{pointer}" unless @there;
        $said = join "\n", map { $_->{detail} } @there;
    }
    push @bad, "it does not say $want{detail}" if $want{detail} && ($said || '') !~ $want{detail};

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok(!@bad, $what) || diag(join "\n", @bad, substr $r->{body} || '', 0, 2000) && 0;
}

1;
