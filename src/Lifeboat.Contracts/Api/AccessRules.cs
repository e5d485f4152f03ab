// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>By which rules the API lets whom do what.</summary>
/// <param name="File">The operator's file; null: there is none.</param>
/// <param name="Faults">Of the file as it is now; when there are some, the rules are those from before.</param>
public sealed record AccessRulesInfo(string? File, IReadOnlyList<AccessRuleInfo> Rules, IReadOnlyList<string> Faults);

/// <param name="Rule">In oslo.policy's language.</param>
/// <param name="Default">What holds where the file says nothing; null: a rule of the file's own.</param>
/// <param name="From">File, line and column; null: it is the default.</param>
/// <param name="Operations">Method and route of what it is asked for.</param>
/// <param name="OfSite">Users of tenants are refused whatever the rule says.</param>
public sealed record AccessRuleInfo(string Name, string Rule, string? Default, string? From, string Description,
    IReadOnlyList<string> Operations, bool OfSite);

/// <summary>Asks whom the rules let. Either a token or a description of a caller.</summary>
public sealed record AccessCheckRequest
{
    /// <summary>Name of a rule, its last part, or method and route; null: all operations.</summary>
    public string? Operation { get; init; }
    /// <summary>Whose caller it is, is looked up.</summary>
    public string? Token { get; init; }
    public AccessCaller? Caller { get; init; }
    /// <summary>What the request would be about, e.g. `group`.</summary>
    public IReadOnlyDictionary<string, string> Target { get; init; } = new Dictionary<string, string>();
}

/// <summary>Somebody who might ask.</summary>
public sealed record AccessCaller
{
    /// <summary>Roles of the site's or of a cloud; those of the site's names give their rights.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];
    /// <summary>Rights besides those of the roles.</summary>
    public IReadOnlyList<Right> Rights { get; init; } = [];
    /// <summary>Null: of the site.</summary>
    public string? Tenant { get; init; }
    /// <summary>Others by name: `project_id`, `user_id`, `user_name` …</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = new Dictionary<string, string>();
}

/// <param name="Rule">Name of the rule that decides.</param>
/// <param name="Text">What it says.</param>
/// <param name="From">File, line and column; null: it is the default.</param>
/// <param name="Checks">Those that were looked at until it was decided, and whether each held.</param>
/// <param name="Refused">Why the caller is refused although the rule may hold; null: the rule decides.</param>
public sealed record AccessVerdict(string Rule, bool Allowed, string Text, string? From,
    IReadOnlyList<AccessCheckSeen> Checks, string? Refused);

public sealed record AccessCheckSeen(string Check, bool Holds);
