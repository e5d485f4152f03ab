// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using System.Reflection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites;

/// <summary>
/// The site drivers that were shipped, found once at startup by their <see cref="SiteDriverAttribute"/> and frozen.
/// Scanning needs the driver types kept when trimming; the controller is not trimmed, so this costs nothing there.
/// </summary>
public sealed class SiteDrivers
{
    private readonly FrozenDictionary<string, Type> _byName;

    /// <exception cref="ArgumentException">Two drivers have one name.</exception>
    public SiteDrivers(Assembly shipped)
    {
        var marked = from type in shipped.GetTypes()
                     let mark = type.GetCustomAttribute<SiteDriverAttribute>()
                     where mark is not null
                     select (mark.Name, type);
        var byName = new Dictionary<string, Type>(StringComparer.Ordinal);
        foreach (var (name, type) in marked) byName.Add(name, type);
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>The drivers of this assembly.</summary>
    public static SiteDrivers Shipped() => new(typeof(SiteDrivers).Assembly);

    public IReadOnlyList<string> Names => [.. _byName.Keys.Order(StringComparer.Ordinal)];

    /// <exception cref="SiteException">Refused: no such driver, or its options are wrong (all problems at
    /// once).</exception>
    public ISite Open(string driver, SiteSetting setting, TimeProvider time, ILoggerFactory logs)
    {
        if (!_byName.TryGetValue(driver, out var type))
            throw new SiteException(SiteFault.Refused,
                $"there is no site driver '{driver}'; this build has: {string.Join(", ", Names)}");
        try
        {
            return (ISite)Activator.CreateInstance(type, setting, time, logs)!;
        }
        catch (TargetInvocationException e) when (e.InnerException is SiteException problem)
        {
            throw new SiteException(problem.Fault, problem.Message, problem);
        }
    }
}
