// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Sites;

/// <summary>What a driver is opened with.</summary>
/// <param name="Directory">The site's directory. The driver keeps its own things below it.</param>
/// <param name="Options">The driver's options as written in `site.json`; null: its defaults.</param>
public sealed record SiteSetting(string Directory, JsonElement? Options = null);
