// What is probably a mistake in flows for AWS: databases and instances that the last discovery did
// not find, IAM authentication that is off, and people of whom nobody knows who they are there.
#pragma once

#include "domain/configuration.h"
#include "domain/target_report.h"

typedef struct AwsLook {
    Arena *arena;
    const Configuration *declared; // goes before what there was
    const Configuration *before;
    const Flow *flow;
    StringList *warnings;
} AwsLook;

// Of principals and integrations that are declared: identities that no policy can be put on.
void aws_warn_of_identities(Arena *arena, const Configuration *declared, StringList *warnings);
void aws_warn_of_resources(const AwsLook *look, const Discovery *found);
// Those without an identity in the account, where no template gives them one.
void aws_warn_of_requesters(const AwsLook *look);
