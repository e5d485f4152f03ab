// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Merging;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Contracts.Peers;

/// <summary>A named policy as a site keeps it, deleted ones too.</summary>
/// <param name="Name">Full name.</param>
/// <param name="Policy">What holds at the site that says this; see <see cref="Fields"/> for what was edited.</param>
public sealed record PolicyRecord(string Name, Policy Policy, string? Description, MergedFields Fields);

/// <summary>
/// How two sites level what they know of named policies. Asked with what is known and with what the other site wants;
/// answered with what it lacks, and with what is wanted there.
/// </summary>
/// <param name="Known">In a question: by full name, which edits of it are known there. In an answer: null.</param>
/// <param name="Policies">What the other side does not know yet, as much as goes into one message.</param>
/// <param name="Wanted">Names of those that are to be said.</param>
public sealed record PolicyExchange(IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>>? Known,
    IReadOnlyList<PolicyRecord> Policies, IReadOnlyList<string> Wanted);
