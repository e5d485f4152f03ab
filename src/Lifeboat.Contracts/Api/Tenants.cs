// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;

namespace Lifeboat.Contracts.Api;

/// <summary>What a tenant may have; null: as much as there is.</summary>
public sealed record TenantLimits
{
    public static readonly TenantLimits None = new();

    public int? GroupsMax { get; init; }
    /// <summary>Sum of the sizes of all protected volumes, in bytes.</summary>
    public long? ProtectedBytesMax { get; init; }
    /// <summary>All its groups together may ship so much a second over each link, e.g. `200Mbit`.</summary>
    public string? ShipCap { get; init; }
    /// <summary>A move of instances is carried out only when a second person has approved it.</summary>
    public bool FourEyes { get; init; }

    public IEnumerable<string> Problems()
    {
        if (GroupsMax is < 0) yield return $"groupsMax is {GroupsMax}; it is not negative";
        if (ProtectedBytesMax is < 0) yield return $"protectedBytesMax is {ProtectedBytesMax}; it is not negative";
        if (ShipCap is { } cap && !DataRate.TryParse(cap, out _))
            yield return $"shipCap '{cap}' is not a rate: {DataRate.Rule}";
    }
}

/// <param name="Groups">How many it has here.</param>
/// <param name="ProtectedBytes">Sum of the sizes of their volumes.</param>
public sealed record TenantInfo(string Name, string? Description, TenantLimits Limits, DateTimeOffset CreatedAt,
    int Groups, long ProtectedBytes);

public sealed record CreateTenantRequest
{
    public required string Name { get; init; }
    public string? Description { get; init; }
    public TenantLimits? Limits { get; init; }
}

/// <summary>What is to be different about a tenant; null leaves it as it is.</summary>
public sealed record TenantChange
{
    /// <summary>Empty: none.</summary>
    public string? Description { get; init; }
    /// <summary>-1: no limit.</summary>
    public int? GroupsMax { get; init; }
    /// <summary>-1: no limit.</summary>
    public long? ProtectedBytesMax { get; init; }
    /// <summary>`none` or empty: no cap.</summary>
    public string? ShipCap { get; init; }
    public bool? FourEyes { get; init; }

    public TenantLimits Applied(TenantLimits limits) => limits with
    {
        GroupsMax = GroupsMax switch { null => limits.GroupsMax, -1 => null, var max => max },
        ProtectedBytesMax = ProtectedBytesMax switch { null => limits.ProtectedBytesMax, -1 => null, var max => max },
        ShipCap = ShipCap switch { null => limits.ShipCap, "" or "none" => null, var cap => cap },
        FourEyes = FourEyes ?? limits.FourEyes,
    };
}
