// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites;

/// <summary>
/// Marks a site driver. It is an <see cref="ISite"/> with a public constructor
/// `(SiteSetting setting, TimeProvider time, ILoggerFactory logs)`, in a folder of its own with a README.
/// </summary>
/// <param name="name">What `site.json` calls it; unique.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class SiteDriverAttribute(string name) : Attribute
{
    public string Name => name;
}
