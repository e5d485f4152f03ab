// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Groups;

/// <summary>How a member of a group comes back at the recovery site. Numbers are stored and never change.</summary>
public enum MemberKind
{
    Replicated = 1,
    VolumeOnly = 2,
    Stateless = 3,
    Partner = 4,
}
