// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>One that can be asked.</summary>
/// <param name="Fingerprint">SHA-256 of its certificate, as its console said.</param>
internal sealed record Appliance(string Server, int Number, IPEndPoint Address, string Fingerprint);
